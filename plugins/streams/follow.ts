/** Following one stream: authorised, brought up to date and handed over without a hole. */

import {
	chain,
	isThenable,
	LiveError,
	RealtimeError,
	type Connection,
	type Denial,
	type MaybePromise,
	type Position,
	type Subscription
} from 'svelte-realtime/kernel';
import type { Replay, Tail } from 'svelte-realtime/plugins/replay';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { refusalOf } from '../refusal.ts';
import { snapshotText } from './answers.ts';
import type { StreamDeclaration } from './declare.ts';
import type { ResetReason } from './frames.ts';
import { load, type Kernel, type Source } from './load.ts';
import { mergeOf } from './paging.ts';
import { resume } from './resume.ts';
import type { ResumeOutcome } from './resumed.ts';
import { sent } from './sent.ts';
import type { Shape } from './shape.ts';
import type { Shapes } from './shapes.ts';

const BEGINNING: Position = { epoch: '', seq: 0 };
/** One list for all who ask without arguments, which is kept as long as they follow. */
const NONE: readonly unknown[] = Object.freeze([]);

/** After it the client asks again, at once. */
export function unanswered(): LiveError {
	const message = 'The answer did not fit into the send buffer.';
	return new LiveError('SERVICE_UNAVAILABLE', message, { retryAfter: 0 });
}

/** What one client follows under one id. */
export class Follower {
	readonly id: number;
	readonly connection: Connection;
	subscription: Subscription | undefined = undefined;
	tail: Tail | undefined = undefined;
	/** Left while something was awaited: whatever comes then is for nobody. */
	isLeft: boolean = false;
	/** The answer did not fit into the send buffer. */
	isUnanswered: boolean = false;
	/** Where the topic stood when the client was last told, once it is answered. */
	told: Position | undefined = undefined;
	/** Where the topic stood when it was last looked at. */
	seen: Position | undefined = undefined;
	/** What is followed, from when it is. */
	source: FollowedSource | undefined = undefined;
	/** How the client is sent what it follows, where not as it is. */
	shape: Shape | undefined = undefined;

	constructor(id: number, connection: Connection) {
		this.id = id;
		this.connection = connection;
	}

	/** Sends the one answer; the client is up to date with it. */
	answer(text: string): void {
		const status = this.connection.send(text);
		this.isUnanswered = status === 'dropped';
		this.told = this.seen = this.tail?.head();
	}

	/** The name of the topic in this client's frames. */
	get topic(): string {
		const { topic } = this.subscription!;
		return this.shape ? this.shape.variant(topic).topic : topic;
	}

	/** Follows the topic from now on. */
	enter(): boolean {
		const { shape } = this;
		const { topic } = this.subscription!;
		if (!this.subscription!.enter(shape?.variant(topic))) return false;
		shape?.enter(topic, this);
		return true;
	}

	/** The connection follows the topic and is up to date. */
	entered(source: FollowedSource, kernel: Kernel): void {
		this.source = source;
		tell(source, 'onSubscribe', kernel);
	}

	leave(kernel: Kernel): void {
		const { source } = this;
		this.isLeft = true;
		this.source = undefined;
		this.shape?.leave(this.subscription?.topic ?? '', this);
		this.subscription?.leave();
		this.tail?.close();
		if (source) tell(source, 'onUnsubscribe', kernel);
	}
}

/** A stream as somebody follows it. */
export interface FollowedSource {
	readonly ctx: LiveContext;
	readonly declaration: StreamDeclaration;
	readonly args: readonly unknown[];
	/** Without the declaration's namespace. */
	readonly topic: string;
}

/** Runs the declaration's own handler, whose failure is nobody's but the operator's. */
function tell(
	{ ctx, declaration, args, topic }: FollowedSource,
	name: 'onSubscribe' | 'onUnsubscribe',
	{ report }: Kernel
): void {
	try {
		const result = declaration[name]?.(ctx, topic, args);
		if (isThenable(result)) result.then(undefined, report);
	} catch (error) {
		report(error);
	}
}

export interface FollowRequest extends Source {
	readonly replay: Replay;
	readonly since: Position | undefined;
	/** The version that the client says its value has; undefined where it says none. */
	readonly version: unknown;
	/** The version of items that the client's page was built for. */
	readonly schema: number;
	readonly shapes: Shapes;
	/** What to wait for before everything is loaded again. */
	readonly pace: () => Promise<void> | undefined;
	/** Hears how a client that comes back was brought up to date. */
	readonly resumed: (outcome: ResumeOutcome) => void;
}

/**
 * Runs for as long as it takes to answer; the connection follows the topic afterwards.
 *
 * Nothing is awaited that is there already: the answers to a message of many questions then leave
 * in one packet with it.
 */
export async function follow(follower: Follower, request: FollowRequest): Promise<void> {
	const { kernel, replay, ctx, declaration, args, since } = request;
	const base = topicOf(declaration, ctx, args);
	const kept = args.length > 0 ? args : NONE;
	const source: FollowedSource = { ctx, declaration, args: kept, topic: base };
	const topic = (declaration.namespace ?? '') + base;
	const subscription = kernel.subscribe(follower.connection, topic, since);
	follower.subscription = subscription;
	const verdict = verdictOf(subscription, follower.connection, source, kernel);
	const denial = isThenable(verdict) ? await verdict : verdict;
	if (denial) throw refusalOf(denial);
	if (follower.isLeft) return;
	const shape = request.shapes.of(source, request.schema, follower);
	follower.shape = shape;

	const fed = declaration.feed?.(ctx, base);
	const feed = isThenable(fed) ? await fed : fed;
	let reset: ResetReason | undefined;
	if (feed || kernel.classOf(topic) === 'logged') {
		const followed = feed ? feed.tail : replay.follow(topic);
		const tail = isThenable(followed) ? await followed : followed;
		follower.tail = tail;
		if (follower.isLeft) return tail.close();
		if (since !== undefined) {
			reset = await resume(follower, request, tail, since, source);
			if (reset === undefined) return;
			// What a feed holds is at hand: nothing is loaded that a crowd could wear out.
			if (!feed) await request.pace();
			if (follower.isLeft) return;
			request.resumed(reset);
		}
	}
	const { tail } = follower;
	const from: Source = { ...request, feed, shape };
	await load(from, tail, (loaded) => {
		const { position = BEGINNING } = loaded;
		// A position before the first publish is continued by it, so the present epoch holds for both.
		const epoch = tail?.head().epoch ?? '';
		if (shape?.isSlow && !follower.enter()) return;
		return chain(sent(from, topic, loaded), (shaped) => {
			if (!follower.enter()) return;
			const head = {
				id: follower.id,
				topic: follower.topic,
				epoch,
				seq: position.seq,
				...mergeOf(declaration, loaded.paging)
			};
			follower.answer(snapshotText(head, shaped, kernel, reset));
			follower.entered(source, kernel);
		});
	});
}

/** What the gates of the topic say, and of the one that it stands for: who may not have that may not have this. */
export function verdictOf(
	subscription: Subscription,
	connection: Connection,
	{ declaration, topic }: FollowedSource,
	kernel: Kernel
): MaybePromise<Denial | undefined> {
	if (declaration.namespace === undefined) return subscription.verdict;
	return chain(kernel.subscribe(connection, topic).verdict, (denial) =>
		denial ? denial : subscription.verdict
	);
}

/** @throws {LiveError} INVALID_TOPIC for a name that is reserved; the kernel checks the rest. */
export function topicOf(
	{ topic }: StreamDeclaration,
	ctx: LiveContext,
	args: readonly unknown[]
): string {
	const name: unknown = typeof topic === 'function' ? topic(ctx, ...args) : topic;
	if (typeof name !== 'string') {
		// An asynchronous one may fail later as well, when nobody listens any more.
		if (isThenable(name)) name.then(undefined, () => {});
		throw new RealtimeError('RT_STREAM_TOPIC', [ctx.path, typeof name]);
	}
	if (name.startsWith('__')) throw new LiveError('INVALID_TOPIC');
	return name;
}

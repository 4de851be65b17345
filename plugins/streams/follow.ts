/** Following one stream: authorised, brought up to date and handed over without a hole. */

import {
	isThenable,
	LiveError,
	RealtimeError,
	type Connection,
	type Position,
	type Subscription
} from 'svelte-realtime/kernel';
import type { LogEntry, Replay, Tail } from 'svelte-realtime/plugins/replay';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { deltaText, recoveredText, snapshotText } from './answers.ts';
import type { StreamDeclaration } from './declare.ts';
import { readDelta } from './delta.ts';
import type { ResetReason } from './frames.ts';
import { load, type Source } from './load.ts';

const BEGINNING: Position = { epoch: '', seq: 0 };

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

	leave(): void {
		this.isLeft = true;
		this.subscription?.leave();
		this.tail?.close();
	}
}

export interface FollowRequest extends Source {
	readonly replay: Replay;
	readonly since: Position | undefined;
	/** The version that the client says its value has; undefined where it says none. */
	readonly version: unknown;
	/** What to wait for before everything is loaded again. */
	readonly pace: () => Promise<void> | undefined;
}

/**
 * Runs for as long as it takes to answer; the connection follows the topic afterwards.
 *
 * Nothing is awaited that is there already: the answers to a message of many questions then leave
 * in one packet with it.
 */
export async function follow(follower: Follower, request: FollowRequest): Promise<void> {
	const { kernel, replay, declaration, since } = request;
	const topic = topicOf(declaration, request.ctx, request.args);
	const subscription = kernel.subscribe(follower.connection, topic, since);
	follower.subscription = subscription;
	const { verdict } = subscription;
	const denial = isThenable(verdict) ? await verdict : verdict;
	if (denial) throw new LiveError(denial.code, denial.reason);
	if (follower.isLeft) return;

	let reset: ResetReason | undefined;
	if (kernel.classOf(topic) === 'logged') {
		const followed = replay.follow(topic);
		const tail = isThenable(followed) ? await followed : followed;
		follower.tail = tail;
		if (follower.isLeft) return tail.close();
		if (since !== undefined) {
			reset = await resume(follower, request, tail, since);
			if (reset === undefined) return;
			await request.pace();
			if (follower.isLeft) return;
		}
	}
	const { tail } = follower;
	await load(request, tail, (loaded) => {
		if (!subscription.enter()) return;
		const { position = BEGINNING } = loaded;
		// A position before the first publish is continued by it, so the present epoch holds for both.
		const epoch = tail?.head().epoch ?? '';
		const head = { id: follower.id, topic, epoch, seq: position.seq, ...declaration.merge };
		follower.answer(snapshotText(head, loaded, kernel, reset));
	});
}

/** Continues a stream, and answers undefined; or says why it cannot be continued. */
async function resume(
	follower: Follower,
	request: FollowRequest,
	tail: Tail,
	since: Position
): Promise<ResetReason | undefined> {
	const { replay, declaration, version, kernel } = request;
	const { id, subscription } = follower;
	const { topic } = subscription!;
	let missed = tail.since(since);
	if (missed === 'truncated') missed = upToNow(await replay.range(topic, since), tail, since);
	let reason: ResetReason;
	if (typeof missed === 'string') {
		reason = missed;
	} else {
		const head = { id, topic, epoch: tail.head().epoch, seq: since.seq, ...declaration.merge };
		const text = recoveredText(head, missed);
		if (text.length <= kernel.limits.sendBuffer) {
			if (subscription!.enter()) follower.answer(text);
			return undefined;
		}
		reason = 'overflow';
	}
	if (!declaration.delta || version === undefined || follower.isLeft) return reason;
	const isChanged = await readDelta(request, tail, version, (delta) => {
		const { epoch } = tail.head();
		const head = { id, topic, epoch, seq: delta.position.seq, ...declaration.merge };
		if (subscription!.enter()) follower.answer(deltaText(head, delta));
	});
	return isChanged ? undefined : reason;
}

/** What the log told may have been overtaken meanwhile; the tail closes the gap, in this tick. */
function upToNow(
	far: readonly LogEntry[] | 'epoch' | 'truncated',
	tail: Tail,
	since: Position
): readonly LogEntry[] | 'epoch' | 'truncated' {
	if (typeof far === 'string') return far;
	const last = far.at(-1);
	const rest = last ? tail.since({ epoch: tail.head().epoch, seq: last.seq }) : tail.since(since);
	return typeof rest === 'string' ? rest : [...far, ...rest];
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

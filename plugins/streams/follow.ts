/** Following one stream: authorised, loaded and handed over without a hole. */

import {
	encode,
	encodeRecord,
	isThenable,
	LiveError,
	RealtimeError,
	type Connection,
	type PluginKernel,
	type Position,
	type Subscription
} from 'svelte-realtime/kernel';
import type { LogEntry, Replay, Tail } from 'svelte-realtime/plugins/replay';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { StreamDeclaration } from './declare.ts';
import type { SnapshotFrame } from './frames.ts';

/** How often a value is loaded anew when its topic outruns the log meanwhile. */
const LOADS = 3;
const BEGINNING: Position = { epoch: '', seq: 0 };

export interface StreamKernel {
	readonly kernel: PluginKernel<'rpc' | 'replay', 'streams'>;
	readonly replay: Replay;
}

/** What one client follows under one id. */
export class Follower {
	readonly id: number;
	readonly connection: Connection;
	subscription: Subscription | undefined = undefined;
	tail: Tail | undefined = undefined;
	/** Left while something was awaited: whatever comes then is for nobody. */
	isLeft: boolean = false;

	constructor(id: number, connection: Connection) {
		this.id = id;
		this.connection = connection;
	}

	leave(): void {
		this.isLeft = true;
		this.subscription?.leave();
		this.tail?.close();
	}
}

/** A value, where it stands in its topic, and what has happened since. */
export interface Loaded {
	readonly value: unknown;
	/** Undefined on an ephemeral topic, which has no positions. */
	readonly position: Position | undefined;
	readonly events: readonly LogEntry[];
}

/** Runs for as long as it takes to answer; the connection follows the topic afterwards. */
export async function follow(
	{ kernel, replay }: StreamKernel,
	follower: Follower,
	request: {
		readonly ctx: LiveContext;
		readonly declaration: StreamDeclaration;
		readonly args: readonly unknown[];
		readonly since: Position | undefined;
	}
): Promise<void> {
	const { ctx, declaration, args, since } = request;
	const topic = topicOf(declaration, ctx, args);
	const subscription = kernel.subscribe(follower.connection, topic, since);
	follower.subscription = subscription;
	const denial = await subscription.verdict;
	if (denial) throw new LiveError(denial.code, denial.reason);
	if (follower.isLeft) return;

	if (kernel.classOf(topic) === 'ephemeral') {
		const value = await declaration.loader?.(ctx, ...args);
		if (subscription.enter()) {
			sendSnapshot(kernel, follower, declaration, { value, position: undefined, events: [] });
		}
		return;
	}

	const tail = await replay.follow(topic);
	follower.tail = tail;
	if (follower.isLeft) return tail.close();

	let reset: SnapshotFrame['reset'];
	if (since !== undefined) {
		let missed = tail.since(since);
		if (missed === 'truncated') {
			missed = upToNow(await replay.range(topic, since), tail, since);
		}
		if (typeof missed !== 'string') {
			if (subscription.enter()) sendRecovered(follower, declaration, tail, since, missed);
			return;
		}
		reset = missed;
	}
	await load(tail, declaration, ctx, args, (loaded) => {
		if (subscription.enter()) sendSnapshot(kernel, follower, declaration, loaded, tail, reset);
	});
}

/**
 * Position first, then the value, then what came in between: nothing slips through.
 *
 * @param handOver Called in the tick in which the events were read. An await in between would let
 * in another publish, which is then neither among the events nor sent over the socket.
 */
export async function load<R>(
	tail: Tail,
	declaration: StreamDeclaration,
	ctx: LiveContext,
	args: readonly unknown[],
	handOver: (loaded: Loaded) => R
): Promise<R> {
	const { loader, merge } = declaration;
	if (loader === null) {
		const latest = tail.last(merge.max === 0 ? Infinity : merge.max);
		const { epoch, seq } = tail.head();
		// The events are the value: the client applies them to an empty list.
		return handOver({ value: [], position: { epoch, seq: seq - latest.length }, events: latest });
	}
	for (let attempt = 1; attempt <= LOADS; attempt += 1) {
		const position = tail.head();
		const value = await loader(ctx, ...args);
		const events = tail.since(position);
		if (typeof events !== 'string') return handOver({ value, position, events });
	}
	throw new LiveError('SERVICE_UNAVAILABLE', 'The topic is faster than its loader.');
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

function sendSnapshot(
	kernel: StreamKernel['kernel'],
	{ id, connection, subscription }: Follower,
	{ merge }: StreamDeclaration,
	{ value, position = BEGINNING, events }: Loaded,
	tail?: Tail,
	reset?: SnapshotFrame['reset']
): void {
	connection.send(
		encode(
			{
				type: 'stream:snapshot',
				id,
				topic: subscription!.topic,
				// A position before the first publish is continued by it, so the present epoch holds for both.
				epoch: tail?.head().epoch ?? '',
				seq: position.seq,
				...merge,
				...(reset && { reset })
			},
			kernel.values.encode(value, `the value of "${subscription!.topic}"`),
			events.length > 0 ? { events: recordsOf(events) } : undefined
		)
	);
}

function sendRecovered(
	{ id, connection, subscription }: Follower,
	{ merge }: StreamDeclaration,
	tail: Tail,
	since: Position,
	events: readonly LogEntry[]
): void {
	const { epoch } = tail.head();
	connection.send(
		encode(
			{
				type: 'stream:recovered',
				id,
				topic: subscription!.topic,
				epoch,
				seq: since.seq,
				...merge
			},
			undefined,
			{ events: recordsOf(events) }
		)
	);
}

function recordsOf(entries: readonly LogEntry[]): string {
	return `[${entries.map(({ event, value, seq }) => encodeRecord(event, value, seq)).join(',')}]`;
}

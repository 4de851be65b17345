/** Streams: values that clients follow, from a loaded snapshot through every later event. */

import {
	definePlugin,
	HANDLED,
	LiveError,
	type Connection,
	type Denial,
	type Plugin,
	type Position,
	type UpgradeRequest
} from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/replay';
import type { Run } from 'svelte-realtime/plugins/rpc';
import type { StreamDeclaration } from './declare.ts';
import { follow, Follower, load, topicOf } from './follow.ts';
import type { MergeOptions } from './frames.ts';

export { stream, type LiveStream, type StreamDeclaration, type StreamOptions } from './declare.ts';
export type {
	MergeName,
	MergeOptions,
	RecoveredFrame,
	SnapshotFrame,
	StreamFrame
} from './frames.ts';
export { serverStream, type ServerStream } from './server-stub.ts';

/** A stream as a page was rendered with it: plain data, which the browser continues from. */
export interface Seed<Value = unknown> extends MergeOptions {
	readonly path: string;
	readonly args: readonly unknown[];
	readonly value: Value;
	readonly topic: string;
	/** Where the value stands; absent on ephemeral topics, which are loaded again. */
	readonly position?: Position;
}

/** What streams offer to the server itself. */
export interface Streams {
	/**
	 * Loads a stream for a page, for the visitor who asked for it.
	 *
	 * @throws {LiveError} what the visitor would be refused with in the browser.
	 */
	load(path: string, args: readonly unknown[], request: UpgradeRequest): Promise<Seed>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		streams: Streams;
	}
}

/** Answers `stream` frames, and loads streams for pages that are rendered. */
export function streams(): Plugin<'rpc' | 'replay', 'streams'> {
	return definePlugin({
		name: 'streams',
		requires: ['rpc', 'replay'],
		provides: ['streams'],
		setup(kernel) {
			const rpc = kernel.use('rpc');
			const replay = kernel.use('replay');
			const followers = new WeakMap<Connection, Map<number, Follower>>();

			/** @throws {LiveError} when the frame cannot begin a stream. */
			function begin(connection: Connection, frame: Readonly<Record<string, unknown>>): Follower {
				const { id } = frame;
				if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) {
					throw new LiveError('INVALID_REQUEST', 'A stream has an id.');
				}
				const own = followers.get(connection) ?? new Map<number, Follower>();
				followers.set(connection, own);
				if (own.has(id)) throw new LiveError('CONFLICT', 'This id is in use.');
				if (own.size >= kernel.limits.subscriptions) {
					kernel.limited('subscriptions', connection);
					const most = kernel.limits.subscriptions;
					throw new LiveError('RATE_LIMITED', `A connection follows at most ${most} streams.`);
				}
				const follower = new Follower(id, connection);
				own.set(id, follower);
				return follower;
			}

			function end(follower: Follower): void {
				const own = followers.get(follower.connection);
				if (own?.get(follower.id) === follower) own.delete(follower.id);
				follower.leave();
			}

			async function answer(
				follower: Follower,
				frame: Readonly<Record<string, unknown>>
			): Promise<void> {
				const { connection, id } = follower;
				try {
					const since = positionOf(frame['since']);
					const run: Run<StreamDeclaration, void> = (ctx, declaration, args) =>
						follow({ kernel, replay }, follower, { ctx, declaration, args, since });
					const { path, args, devalue } = frame;
					await rpc.invoke(
						{ kind: 'stream', path, args, devalue: devalue === true, connection },
						run
					);
				} catch (error) {
					end(follower);
					rpc.answerError(connection, id, error);
				}
			}

			kernel.hook(
				'message',
				({ connection, frame }) => {
					try {
						const follower = begin(connection, frame);
						void answer(follower, frame);
					} catch (error) {
						const { id } = frame;
						rpc.answerError(connection, typeof id === 'number' ? id : null, error);
					}
					return HANDLED;
				},
				{ type: 'stream' }
			);

			kernel.hook(
				'message',
				({ connection, frame }) => {
					const follower = followers.get(connection)?.get(frame['id'] as number);
					if (follower) end(follower);
					return HANDLED;
				},
				{ type: 'stream:end' }
			);

			kernel.hook('close', ({ connection }) => {
				for (const follower of followers.get(connection)?.values() ?? []) follower.leave();
				followers.delete(connection);
			});

			kernel.provide('streams', {
				async load(path, args, request) {
					const visitor = await kernel.identify(request);
					if (isDenial(visitor)) throw new LiveError(visitor.code, visitor.reason);
					const run: Run<StreamDeclaration, Seed> = async (ctx, declaration, list) => {
						const topic = topicOf(declaration, ctx, list);
						const denial = await kernel.subscribe(visitor, topic).verdict;
						if (denial) throw new LiveError(denial.code, denial.reason);
						const { value, position } = await loadOnce(topic, declaration, ctx, list);
						return {
							path,
							args,
							value,
							topic,
							...declaration.merge,
							...(position && { position })
						};
					};
					const invocation = { kind: 'stream', path, args: [...args], devalue: false };
					return rpc.invoke({ ...invocation, connection: visitor }, run);
				}
			});

			async function loadOnce(
				topic: string,
				declaration: StreamDeclaration,
				...[ctx, args]: [Parameters<typeof load>[2], readonly unknown[]]
			): Promise<{ value: unknown; position: Position | undefined }> {
				if (kernel.classOf(topic) === 'ephemeral') {
					return { value: await declaration.loader?.(ctx, ...args), position: undefined };
				}
				const tail = await replay.follow(topic);
				try {
					const loaded = await load(tail, declaration, ctx, args);
					if (declaration.loader !== null) return loaded;
					// What the log holds is a value here: the page must be able to show it.
					const items = loaded.events.map(({ value: { json, devalue } }) =>
						json === undefined ? undefined : kernel.values.decode(JSON.parse(json), devalue)
					);
					return { value: items, position: tail.head() };
				} finally {
					tail.close();
				}
			}
		}
	});
}

function isDenial(answer: Connection | Denial): answer is Denial {
	return 'denied' in answer;
}

/** @throws {LiveError} INVALID_REQUEST: a position that cannot be one must not read history. */
function positionOf(since: unknown): Position | undefined {
	if (since === undefined || since === null) return undefined;
	const { epoch, seq } = since as Partial<Position>;
	if (typeof epoch !== 'string' || !Number.isSafeInteger(seq) || seq! < 0) {
		throw new LiveError('INVALID_REQUEST', 'A position has an epoch and a seq.');
	}
	return { epoch, seq: seq! };
}


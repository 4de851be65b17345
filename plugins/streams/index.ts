/** Streams: values that clients follow, from a loaded snapshot through every later event. */

import {
	definePlugin,
	HANDLED,
	idOf,
	isLiveError,
	LiveError,
	type Connection,
	type Denial,
	type MaybePromise,
	type Plugin,
	type UpgradeRequest
} from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/replay';
import type { Run } from 'svelte-realtime/plugins/rpc';
import { refusalOf } from '../refusal.ts';
import { countOf, positionOf } from './asked.ts';
import { tellBegun } from './begun.ts';
import type { StreamDeclaration } from './declare.ts';
import { follow, Follower, topicOf, unanswered, verdictOf, type FollowedSource } from './follow.ts';
import { Following } from './following.ts';
import { createWheel, tellHeads, TURN } from './heads.ts';
import { serveMore } from './more.ts';
import { loadOnce } from './once.ts';
import { iterating, piped, type Iterating } from './iterated.ts';
import { createPacer } from './pace.ts';
import { mergeOf } from './paging.ts';
import { createReauthorise } from './reauthorise.ts';
import { createResumes, type ResumeOutcome } from './resumed.ts';
import type { Seed } from './seed.ts';
import { createShapes } from './shapes.ts';
import { namedPath, readPath } from './versions.ts';

export {
	stream,
	type Deleted,
	type DeltaOptions,
	type Diff,
	type Feed,
	type LiveStream,
	type StreamDeclaration,
	type StreamOptions
} from './declare.ts';
export { pipe, type Joined, type Pipe, type Transform } from './pipe/declare.ts';
export type { Migrations } from './versions.ts';
export type {
	DeltaFrame,
	Head,
	MergeName,
	MergeOptions,
	MoreFrame,
	PageFrame,
	PagePlace,
	Paging,
	RecoveredFrame,
	ResetReason,
	SnapshotFrame,
	StreamFrame
} from './frames.ts';
export type { FollowedSource } from './follow.ts';
export type { Page } from './paging.ts';
export type { ResumeOutcome } from './resumed.ts';
export type { LoadEvent, Seed } from './seed.ts';
export type { IterateOptions, Iterating, ListenOptions } from './iterated.ts';
export { iterateTopic, type TopicEvent } from './listen.ts';
export { serverStream, type RenderTools, type ServerStream } from './server-stub.ts';

/** What streams offer to the server itself. */
export interface Streams extends Iterating {
	/**
	 * Loads a stream for a page, for the visitor who asked for it.
	 *
	 * @throws {LiveError} what the visitor would be refused with in the browser.
	 */
	load(path: string, args: readonly unknown[], request: UpgradeRequest): Promise<Seed>;
	/**
	 * What a connection follows under the id of its `stream` frame, for plugins with frames of their
	 * own: a client then names a topic that it was let into, and cannot name another.
	 */
	find(connection: Connection, id: unknown): FollowedSource | undefined;
	/**
	 * Asks anew whether a connection may follow what it follows. What it may not is ended, as it is
	 * when the answer takes too long; the rest goes on.
	 *
	 * @param change Makes the connection somebody else's: everything ends before it, as theirs who it
	 * was, and the client asks for it again, from where it stands.
	 */
	reauthorise(connection: Connection, change?: () => void): void;
	/** Hears how each stream of a client that comes back is brought up to date; the result ends it. */
	observe(listener: (outcome: ResumeOutcome) => void): () => void;
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
		optional: ['replay.log'],
		provides: ['streams'],
		setup(kernel) {
			const rpc = kernel.use('rpc');
			const replay = kernel.use('replay');
			const following = new Following();
			const pace = createPacer(kernel.clock);
			const wheel = createWheel();
			const shapes = createShapes({ kernel, refuse });
			const resumes = createResumes(kernel.report);

			/** @throws {LiveError} when the frame cannot begin a stream. */
			function begin(connection: Connection, frame: Readonly<Record<string, unknown>>): Follower {
				const id = idOf(frame);
				if (id === null) throw new LiveError('INVALID_REQUEST', 'A stream has an id.');
				if (following.find(connection, id)) {
					throw new LiveError('CONFLICT', 'This id is in use.');
				}
				const count = following.count(connection);
				if (count >= kernel.limits.subscriptions) {
					kernel.limited('subscriptions', connection);
					const most = kernel.limits.subscriptions;
					throw new LiveError('RATE_LIMITED', `A connection follows at most ${most} streams.`);
				}
				mayLoad(connection);
				const follower = new Follower(id, connection);
				following.add(follower);
				if (count === 0) wheel.add(connection);
				return follower;
			}

			/**
			 * A stream that is ended frees its place at once, and its loader still runs.
			 *
			 * @throws {LiveError} RATE_LIMITED
			 */
			function mayLoad(connection: Connection): void {
				if (following.loading(connection) < kernel.limits.calls) return;
				kernel.limited('calls', connection);
				throw new LiveError('RATE_LIMITED', 'Too many streams are being loaded.');
			}

			async function counted<R>(connection: Connection, task: () => MaybePromise<R>): Promise<R> {
				const loaded = following.load(connection);
				try {
					return await task();
				} finally {
					loaded();
				}
			}

			function end(follower: Follower): void {
				if (following.remove(follower)) wheel.remove(follower.connection);
				follower.leave(kernel);
			}

			async function answer(
				follower: Follower,
				frame: Readonly<Record<string, unknown>>
			): Promise<void> {
				const { connection, id } = follower;
				try {
					const since = positionOf(frame['since']);
					const run: Run<StreamDeclaration, void> = (ctx, declaration, args) =>
						follow(follower, { ...request, ctx, declaration, args });
					const { args, devalue, version } = frame;
					const { path, schema } = readPath(frame['path']);
					const pages = countOf(frame['pages']);
					const host = { kernel, replay, shapes, pace, resumed: resumes.tell };
					const request = { ...host, since, version, schema, pages };
					const asked = { kind: 'stream', path, args, devalue: devalue === true, connection };
					await counted(connection, () => rpc.invoke(asked, run));
				} catch (error) {
					if (!follower.isLeft) rpc.answerError(connection, id, error);
					else if (!isLiveError(error)) kernel.report(error);
					end(follower);
				}
			}

			kernel.hook(
				'message',
				({ connection, frame }) => {
					try {
						const follower = begin(connection, frame);
						void answer(follower, frame);
					} catch (error) {
						rpc.answerError(connection, idOf(frame), error);
					}
					return HANDLED;
				},
				{ type: 'stream' }
			);

			serveMore({
				kernel,
				rpc,
				find: (connection, id) => following.find(connection, id),
				async counted(connection, task) {
					mayLoad(connection);
					return counted(connection, task);
				}
			});

			kernel.hook(
				'message',
				({ connection, frame }) => {
					const follower = following.find(connection, frame['id']);
					if (follower) end(follower);
					return HANDLED;
				},
				{ type: 'stream:end', answers: false }
			);

			kernel.hook('close', ({ connection }) => {
				for (const follower of following.clear(connection)) follower.leave(kernel);
				wheel.remove(connection);
			});

			// While a send buffer is over its limit, native publish drops frames and tells nobody whose.
			kernel.hook('drain', ({ connection }) => {
				const own = [...following.of(connection)];
				for (const follower of own) if (follower.isUnanswered) refuse(follower, unanswered());
				tellHeads(connection, own, false);
			});

			// The server looks, not the client: who follows only what is quiet then sends nothing, ever.
			kernel.clock.every(TURN, () => {
				for (const connection of wheel.turn()) {
					tellHeads(connection, following.of(connection), true);
				}
			});

			tellBegun(kernel, wheel, (connection) => following.of(connection));

			function refuse(follower: Follower, error: unknown): void {
				rpc.answerError(follower.connection, follower.id, error);
				end(follower);
			}

			kernel.provide('streams', {
				...iterating(kernel, replay, (...of) => kernel.find('streams')!.load(...of)),
				find: (connection, id) => following.find(connection, id)?.source,
				observe: resumes.observe,
				reauthorise: createReauthorise({
					kernel,
					rpc,
					followersOf: (connection) => following.of(connection),
					end,
					refuse
				}),
				async load(named, args, request) {
					const { path } = readPath(named);
					const visitor = await kernel.identify(request);
					if (isDenial(visitor)) throw refusalOf(visitor);
					const run: Run<StreamDeclaration, Seed> = async (ctx, declaration, list) => {
						const base = topicOf(declaration, ctx, list);
						const topic = (declaration.namespace ?? '') + base;
						const wanted = kernel.subscribe(visitor, topic);
						const followed = { ctx, declaration, args: list, topic: base };
						const denial = await verdictOf(wanted, visitor, followed, kernel);
						if (denial) throw refusalOf(denial);
						const feed = await declaration.feed?.(ctx, base);
						const holder = {};
						const shape = shapes.of({ ctx, declaration, args: list }, undefined, holder);
						const source = { kernel, ctx, declaration, args: list, feed, shape };
						const loading = loadOnce(topic, source, replay);
						const { value, position, version, paging } = await loading.finally(() =>
							shape?.leave(topic, holder)
						);
						const seed: Seed = {
							path: namedPath(ctx.path, declaration),
							args,
							value,
							topic,
							...mergeOf(declaration, paging),
							...(position && { position }),
							...(version !== undefined && { version: JSON.parse(version) as unknown })
						};
						if (declaration.pipes) piped.add(seed);
						return seed;
					};
					const invocation = { kind: 'stream', path, args: [...args], devalue: false };
					return rpc.invoke({ ...invocation, connection: visitor }, run);
				}
			});
		}
	});
}

function isDenial(answer: Connection | Denial): answer is Denial {
	return 'denied' in answer;
}

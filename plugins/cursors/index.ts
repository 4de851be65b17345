/** Cursors: where those who are here point at. Of the moment, and told together. */

import {
	definePlugin,
	HANDLED,
	type Connection,
	type MaybePromise,
	type Plugin
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { Feed } from 'svelte-realtime/plugins/streams';
import type { Board } from './board.ts';
import { createBoards } from './boards.ts';
import { checkTime } from '../checks.ts';
import { userIdOf } from '../user-id.ts';
import { checkBounds } from './bounds.ts';
import { NAMESPACE, type Entrance } from './declare.ts';
import type { Cursor } from './frames.ts';
import { Mover, type Identity } from './mover.ts';
import { readPlain } from './read.ts';

export {
	cursorsStream,
	type CursorsStreamOptions,
	type LiveCursors,
	type PublicUser
} from './declare.ts';
export type { Cursor } from './frames.ts';
export { memoryCursors } from './memory.ts';
export type { CursorChange, CursorStore } from './port.ts';

export interface CursorsOptions {
	/**
	 * Milliseconds from one frame of a topic to the next, 0 to a day; the first move after silence is
	 * sent at once. 16 is as often as most screens show something; 33 halves what is sent, and with
	 * `smooth` in the browser looks the same. @default 16
	 */
	interval?: number;
	/** Milliseconds after which a cursor goes that has not moved; 0: not before its connection. @default 0 */
	ttl?: number;
	/** Bytes of what a client sends of its cursor; a larger one is refused with PAYLOAD_TOO_LARGE. @default 2048 */
	dataBytes?: number;
	/** Moves of one cursor in a second; those past it are dropped. @default 250 */
	rate?: number;
	/** Cursors of one topic; past it a new one is refused with SERVICE_UNAVAILABLE. @default 1000 */
	entries?: number;
	/** Bytes of the cursors of one topic; past it what does not fit is refused. @default 256 KiB */
	topicBytes?: number;
	/** Bytes of all cursors; past it what does not fit is refused. @default 64 MiB */
	bytes?: number;
	/** Topics that have cursors; past it the cursors of a new one are refused. @default 10000 */
	topics?: number;
}

/** Where those who are here point at. */
export interface Cursors {
	/** Everybody's cursor in a topic, as others see it. */
	list(topic: string): MaybePromise<readonly Cursor[]>;
	/**
	 * Puts a cursor that is no client's, or moves it. It stays until it is removed.
	 *
	 * @throws {LiveError} SERVICE_UNAVAILABLE where there is no room.
	 */
	move(topic: string, cursor: Cursor): void;
	/** Takes a cursor away, whoever's it is. */
	remove(topic: string, key: string): void;
	/** For `live.cursors`: where its value comes from. */
	'~feed'(topic: string): Feed;
	/** For `live.cursors`: somebody follows, and may move. */
	'~enter'(ctx: LiveContext, topic: string, entrance: Entrance): void;
	/** For `live.cursors`: and does not any more. */
	'~leave'(ctx: LiveContext): void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		cursors: Cursors;
	}
}

/** No event has a number: who comes back takes the value as it is then. */
const TAIL: Feed['tail'] = {
	head: () => ({ epoch: '', seq: 0 }),
	since: () => 'epoch',
	last: () => [],
	close() {}
};

/**
 * Keeps everybody's cursor, and tells all that moved in a topic in one frame per interval.
 *
 * Requires `streams`; uses `cursors.store` where a plugin provides it. Cursors are ephemeral: newest
 * wins, nothing is numbered and nothing is sent again.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is out of its range.
 * @example realtime.config.ts: preset: single({ cursors: { interval: 33 } })
 */
export function cursors(options: CursorsOptions = {}): Plugin<'streams', 'cursors'> {
	const { interval = 16, ttl = 0, dataBytes = 2048, rate = 250 } = options;
	const { entries = 1000, topicBytes = 256 * 1024, bytes = 64 * 1024 * 1024 } = options;
	const { topics = 10_000 } = options;
	const bounds = checkBounds({ dataBytes, rate, entries, topicBytes, bytes, topics });
	checkTime('interval', 'cursors()', interval);
	checkTime('ttl', 'cursors()', ttl);

	return definePlugin({
		name: 'cursors',
		requires: ['streams'],
		optional: ['cursors.store'],
		provides: ['cursors'],
		setup(kernel) {
			const { clock, values } = kernel;
			const streams = kernel.use('streams');
			const store = kernel.find('cursors.store');
			const boards = createBoards(kernel, bounds, store);
			/** Who moves in which stream; a stream is known by the context that it was begun with. */
			const moving = new WeakMap<LiveContext, { readonly board: Board; readonly mover: Mover }>();

			kernel.declareTopics(`${NAMESPACE}*`, 'ephemeral');

			kernel.hook(
				'message',
				({ connection, frame: { id, data } }) => {
					// By the stream that it follows: a client names neither a topic nor itself.
					const followed = streams.find(connection, id);
					const moved = followed && moving.get(followed.ctx);
					if (moved === undefined) return HANDLED;
					const { mover, board } = moved;
					if (!mover.count(clock.now(), bounds.rate)) kernel.limited('cursors.rate', connection);
					else {
						mover.id = id as number;
						board.offer(mover, data);
					}
					return HANDLED;
				},
				{ type: 'cursors:move', answers: false }
			);

			if (ttl > 0) {
				clock.every(ttl / 4, () => {
					for (const board of boards.all()) board.sweep(clock.now() - ttl, interval);
				});
			}

			kernel.hook('shutdown', async () => void (await boards.close()));

			function list(topic: string): readonly Cursor[] {
				return boards.find(topic)?.list() ?? [];
			}

			kernel.provide('cursors', {
				list: boards.list,
				move(topic, cursor) {
					const board = boards.open(topic);
					try {
						board.put(cursor, interval);
					} finally {
						boards.settle(board);
					}
				},
				remove: (topic, key) => boards.find(topic)?.remove(key, interval),
				'~feed': (topic) => ({ tail: TAIL, value: () => list(topic) }),
				'~enter'(ctx, topic, { user, ...own }) {
					const { connection } = ctx;
					const board = boards.open(topic);
					const known = board.movers.get(connection.id);
					const identity = identityOf(connection, user && readPlain(values, user).data);
					const mover =
						known ??
						new Mover(connection, identity, { ...own, interval: own.interval ?? interval });
					mover.follows += 1;
					board.movers.set(connection.id, mover);
					moving.set(ctx, { board, mover });
				},
				'~leave'(ctx) {
					const moved = moving.get(ctx);
					moving.delete(ctx);
					if (moved === undefined) return;
					moved.mover.follows -= 1;
					if (moved.mover.follows === 0) moved.board.leave(moved.mover);
				}
			});
		}
	});
}

function identityOf(connection: Connection, user: unknown): Identity {
	const id = userIdOf(connection);
	return {
		key: connection.id,
		...(id !== undefined && { member: String(id) }),
		...(user !== undefined && { user })
	};
}

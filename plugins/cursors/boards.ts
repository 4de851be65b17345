/** All boards of an instance: what they tell, to whom, and what other instances tell them. */

import {
	chain,
	encode,
	isLiveError,
	isThenable,
	toWireError,
	type MaybePromise,
	type PluginKernel
} from 'svelte-realtime/kernel';
import { Board, type BoardHost } from './board.ts';
import type { CursorBounds } from './bounds.ts';
import type { Entry } from './entries.ts';
import { NAMESPACE } from './declare.ts';
import type { Cursor } from './frames.ts';
import type { Mover } from './mover.ts';
import { HEARTBEAT, type CursorChange, type CursorStore } from './port.ts';

export interface Boards {
	find(topic: string): Board | undefined;
	/** Everybody's cursor in a topic, on all instances. */
	list(topic: string): MaybePromise<readonly Cursor[]>;
	/** The board of a topic, which is made where there is none. */
	open(topic: string): Board;
	/** Lets go of a board that has nothing on it. */
	settle(board: Board): void;
	all(): readonly Board[];
	/** Takes away what this instance has put; resolves when the store knows. */
	close(): Promise<unknown>;
}

export function createBoards(
	kernel: PluginKernel<'streams', 'cursors'>,
	bounds: CursorBounds,
	store: CursorStore | undefined
): Boards {
	const { clock, values } = kernel;
	const boards = new Map<string, Board>();
	/** What the store has not answered yet. */
	const running = new Set<Promise<void>>();

	const host: BoardHost = {
		clock,
		values,
		bounds,
		held: { topics: 0, bytes: 0 },
		tell(topic, puts, removes) {
			const send = (event: string, list: readonly unknown[], texts: readonly string[]): void => {
				if (list.length === 0) return;
				const isOne = list.length === 1;
				const encoded = { json: isOne ? texts[0] : `[${texts.join()}]`, devalue: false };
				void kernel.publish(NAMESPACE + topic, event, isOne ? list[0] : list, { encoded });
			};
			const moved = puts.map(({ cursor }) => cursor);
			send('update', moved, puts.map(jsonOf));
			send('remove', removes, removes.map(quoted));
			if (store) save(topic, { puts: moved, removes });
		},
		refuse,
		idle: settle
	};

	function refuse(mover: Mover, error: unknown): void {
		const { connection, id } = mover;
		if (!isLiveError(error)) kernel.report(error);
		const wire = toWireError(error);
		if (wire.code === 'PAYLOAD_TOO_LARGE') kernel.limited('cursors.dataBytes', connection);
		if (wire.code === 'SERVICE_UNAVAILABLE') kernel.limited('cursors.room', connection);
		// Whoever floods is not answered once for each move.
		if (mover.refused === wire.code) return;
		mover.refused = wire.code;
		connection.send(encode({ type: 'cursors:refused', id, error: wire }));
	}

	function settle(board: Board): void {
		if (!board.isEmpty || boards.get(board.topic) !== board) return;
		boards.delete(board.topic);
		board.forget();
	}

	function open(topic: string): Board {
		let board = boards.get(topic);
		if (board === undefined) {
			boards.set(topic, (board = new Board(topic, host)));
			if (store) mirror(board, store);
		}
		return board;
	}

	// --- other instances ---

	/** Cursors of other instances are told by frames; a store knows of them from before. */
	function mirror(board: Board, from: CursorStore): void {
		const told = board.listen();
		attempt(() =>
			chain(from.list(board.topic), (cursors) => {
				const { puts, removes } = board.compare(cursors, told());
				const topic = NAMESPACE + board.topic;
				const frame = { topic, seq: 0, epoch: '', origin: 'remote' as const };
				const send = (event: string, data: readonly unknown[]): void => {
					if (data.length === 0) return;
					const value = values.encode(data, topic);
					kernel.deliver({ ...frame, event, value });
				};
				send('update', puts);
				send('remove', removes);
			})
		);
	}

	function save(topic: string, change: CursorChange): void {
		attempt(() => store!.save(topic, change));
	}

	/** A store that fails costs what it would have shown. */
	function attempt(work: () => MaybePromise<void>): void {
		try {
			const result = work();
			if (!isThenable(result)) return;
			const done = Promise.resolve(result).then(undefined, tell);
			running.add(done);
			void done.finally(() => running.delete(done));
		} catch (error) {
			tell(error);
		}
	}

	/** That a backend is out of reach is said by who provides it. */
	function tell(error: unknown): void {
		if (!isLiveError(error) || error.code !== 'SERVICE_UNAVAILABLE') kernel.report(error);
	}

	/** The cursors of all instances; of this one where the store cannot say. */
	function list(topic: string): MaybePromise<readonly Cursor[]> {
		const own = (): readonly Cursor[] => boards.get(topic)?.list() ?? [];
		if (store === undefined) return own();
		try {
			const listed = store.list(topic);
			if (!isThenable(listed)) return listed;
			return listed.then(undefined, (error: unknown) => {
				tell(error);
				return own();
			});
		} catch (error) {
			tell(error);
			return own();
		}
	}

	if (store) {
		kernel.hook(
			'published',
			({ origin, topic, event, data }) => {
				if (origin === 'remote') boards.get(topic.slice(NAMESPACE.length))?.hear(event, data);
			},
			{ topics: `${NAMESPACE}*` }
		);
		clock.every(HEARTBEAT, () => {
			for (const board of boards.values()) {
				const own = board.own();
				if (own.length > 0) save(board.topic, { puts: own, removes: [] });
				mirror(board, store);
			}
		});
	}

	return {
		find: (topic) => boards.get(topic),
		list,
		open,
		settle,
		all: () => [...boards.values()],
		close() {
			for (const board of boards.values()) board.close();
			return Promise.all(running);
		}
	};
}

function jsonOf({ json }: Entry): string {
	return json;
}

function quoted(key: string): string {
	return JSON.stringify(key);
}

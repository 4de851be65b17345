/** Streams and topics as async iterables on the server: one subscription feeds any number of them. */

import {
	type PluginKernel,
	type Position,
	type PublishedContext,
	type UpgradeRequest,
	type ValueCodec
} from 'svelte-realtime/kernel';
import type { Replay } from 'svelte-realtime/plugins/replay';
import { checkCount } from '../checks.ts';
import { createHearing, type Hear } from './hearing.ts';
import { iteratorOf, type Source } from './iterator.ts';
import { listen, type TopicEvent } from './listen.ts';
import { apply, createList, type List } from './merge/index.ts';
import type { Seed } from './seed.ts';

export interface IterateOptions {
	/** Ends it. */
	signal?: AbortSignal;
}

export interface ListenOptions extends IterateOptions {
	/** Events that wait to be taken; past it, taking one throws QUEUE_FULL. @default 1000 */
	buffer?: number;
}

/** What streams offer to code of the server that iterates. */
export interface Iterating {
	/**
	 * The value of a stream for a visitor, and every later one; who takes long gets the newest.
	 *
	 * Authorised and loaded as for a page, then kept up to date by the stream's own events. When the
	 * server ends it stays silent, so that whoever reads it notices by its connection, and comes back.
	 *
	 * @throws {LiveError} with the first value: what the visitor would be refused with in the browser.
	 */
	iterate(
		path: string,
		args: readonly unknown[],
		request: UpgradeRequest,
		options?: IterateOptions
	): AsyncIterableIterator<unknown>;
	/**
	 * The events of a topic from now on, as they are delivered on this instance. Nobody is asked whether
	 * they may be heard: this is the server itself. It ends when the server does.
	 *
	 * @throws {RealtimeError} RT_OPTION_INVALID
	 */
	listen(topic: string, options?: ListenOptions): AsyncIterableIterator<TopicEvent>;
}

type Load = (path: string, args: readonly unknown[], request: UpgradeRequest) => Promise<Seed>;

/** Strategies whose events say all there is to know; values of others are loaded anew. */
const MERGED: readonly string[] = ['crud', 'latest', 'set'];

/** What was loaded through a pipe: the topic's events are not those of the stream. */
export const piped: WeakSet<Seed> = new WeakSet();

/** Events that are kept while a value is loaded; of more, it is loaded again. */
const PENDING = 1000;

interface Tools {
	readonly replay: Replay;
	readonly values: ValueCodec;
}

export function iterating(
	kernel: Pick<PluginKernel<never, never>, 'classOf' | 'find' | 'hook' | 'report' | 'values'>,
	replay: Replay,
	load: Load
): Iterating {
	const hear = createHearing(kernel);
	const tools = { replay, values: kernel.values };
	const listeners = new Set<() => void>();
	kernel.hook('shutdown', () => {
		for (const end of [...listeners]) end();
	});
	return {
		iterate: (path, args, request, { signal } = {}) =>
			follow({ tools, hear, load: () => load(path, args, request), signal }),
		listen(topic, { signal, buffer = 1000 } = {}) {
			checkCount('buffer', 'live.iterate()', buffer);
			return listen({ hear, topic, signal, buffer, listeners });
		}
	};
}

interface Following {
	readonly tools: Tools;
	readonly hear: Hear;
	readonly load: () => Promise<Seed>;
	readonly signal: AbortSignal | undefined;
}

type Happened = Pick<PublishedContext, 'event' | 'data' | 'seq' | 'epoch'>;

function follow({ tools, hear, load, signal }: Following): AsyncIterableIterator<unknown> {
	let list: List | undefined;
	let isMerged = false;
	let at: Position = { epoch: '', seq: 0 };
	/** Equal to no value, before the first one was given. */
	let given: unknown = follow;
	let failure: { readonly error: unknown } | undefined;
	let isLoading = false;
	/** What has happened while it was loaded. */
	let pending: Happened[] = [];
	/** What is here may lack something. */
	let isStale = false;
	let isOver = false;
	let leave: (() => void) | undefined;
	let wake = (): void => {};

	/** An event is not to be applied twice, and none is to be left out. */
	function take(happened: Happened): void {
		const { event, data, seq, epoch } = happened;
		if (seq > 0) {
			const isSame = epoch === at.epoch || at.epoch === '';
			if (isSame && seq <= at.seq) return;
			if (!isSame || seq > at.seq + 1) return void (isStale = true);
			at = { epoch, seq };
		}
		apply(list!, event, data);
	}

	function heard(event: PublishedContext): void {
		if (!isMerged) isStale = true;
		else if (!isLoading) take(event);
		else if (pending.push(event) > PENDING) {
			pending = [];
			isStale = true;
		}
		if (isStale) void reload();
		wake();
	}

	/** Begins to hear the events of what is loaded. @returns those since it was. */
	async function begin({ topic, position }: Seed): Promise<readonly Happened[]> {
		leave = hear(topic, heard);
		// Without numbers it cannot be told what has happened before.
		if (!isMerged || !position) isStale = true;
		if (isStale) return [];
		const tail = await tools.replay.follow(topic);
		const missed = tail.since(position!);
		const { epoch } = tail.head();
		tail.close();
		if (typeof missed !== 'string') {
			return missed.map(({ event, value, seq }) => {
				return { event, data: tools.values.read(value), seq, epoch };
			});
		}
		isStale = true;
		return [];
	}

	async function reload(): Promise<void> {
		if (isLoading) return;
		isLoading = true;
		try {
			do {
				isStale = false;
				pending = [];
				const loaded = await load();
				if (isOver) return;
				isMerged = MERGED.includes(loaded.merge) && !piped.has(loaded);
				const missed = leave ? [] : await begin(loaded);
				if (isOver) return;
				list = createList(loaded.value, loaded);
				at = loaded.position ?? at;
				for (const event of [...missed, ...pending]) take(event);
				wake();
			} while (isStale);
		} catch (error) {
			failure = { error };
			wake();
		} finally {
			isLoading = false;
		}
	}

	const source: Source<unknown> = {
		begin(answer) {
			wake = answer;
			void reload();
		},
		take() {
			if (failure) throw failure.error;
			const value = list ? list.read() : given;
			if (value === given) return undefined;
			given = value;
			return { done: false, value };
		},
		end() {
			isOver = true;
			leave?.();
		}
	};
	return iteratorOf(source, signal);
}

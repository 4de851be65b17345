/** `stream.hasMore` and `stream.loadMore()`: a list page by page. */

import {
	localError,
	toLiveError,
	type ClientKernel,
	type Outgoing
} from '../../kernel/client/index.ts';
import type { LiveError } from '../../kernel/live-error.ts';
import type { FrameOf } from '../../kernel/protocol.ts';
import type { Follower, Said } from './follower.ts';
import type { PageFrame, PagePlace, Paging, SnapshotFrame } from './frames.ts';
import { apply, createList, type List } from './merge/index.ts';
import type { Seed } from './seed.ts';
import { read, streamPrototype, type Handled, type StreamHandle } from './store.ts';

/** Gives all streams `hasMore` and `loadMore`. */
export function installPages(): void {
	Object.defineProperties(streamPrototype, {
		hasMore: { get: hasMore, configurable: true },
		loadMore: { value: loadMore, configurable: true, writable: true }
	});
}

function hasMore(this: Handled): boolean {
	return pagingOf(read(this)).hasMore === true;
}

/** What is followed has it from the server's answer; what is not, from its seed. */
function pagingOf(state: object): Paging {
	return (state as { options?: Paging }).options ?? (state as Paging);
}

/** One page at a time: who asks meanwhile gets that one. */
const running = new WeakMap<Follower, Promise<boolean>>();

function loadMore(this: Handled): Promise<boolean> {
	const handle = this['~stream'];
	if (!pagingOf(handle.state()).hasMore) return Promise.resolve(false);
	const known = running.get(handle.find()!);
	if (known) return known;
	const page = loadPage(handle);
	const follower = handle.find()!;
	running.set(follower, page);
	const over = (): void => void running.delete(follower);
	page.then(over, over);
	return page;
}

function loadPage({ host, retain, find }: StreamHandle): Promise<boolean> {
	const { kernel } = host();
	const questions = kernel.install(setup);
	return new Promise((resolve, reject) => {
		/** The question, and the id of the stream that it is about: of that on this connection. */
		let asked: Question | undefined;
		let isOver = false;
		// Followed for as long as it takes, also where nobody reads it.
		const leave = retain(look);
		const follower = find()!;
		const cancelTimer = kernel.expire((error) => end(() => reject(error)));
		look();

		function look(): void {
			if (isOver) return;
			const { error, isRunning, connected, stale, id, options } = follower;
			if (asked && asked.stream !== id) takeBack();
			if (!isRunning) return end(() => resolve(false));
			if (error && !error.retryable) return end(() => reject(error));
			if (asked || !connected || stale) return;
			if (!options.hasMore) return end(() => resolve(false));
			const frame: Question['outgoing']['frame'] = {
				type: 'stream:more',
				id: kernel.nextId(),
				stream: id,
				cursor: options.cursor
			};
			const outgoing = { frame, fail };
			asked = { stream: id, outgoing };
			questions.set(frame.id, { take, fail });
			kernel.send(outgoing);
		}

		function take(frame: PageFrame): void {
			// Of a stream that has been asked for again, of which the answer is still to come.
			if (asked?.stream !== follower.id || follower.stale) return;
			try {
				addPage(follower, frame, kernel);
			} catch (cause) {
				return fail(cause as LiveError);
			}
			follower.notify();
			end(() => resolve(true));
		}

		function fail(error: LiveError): void {
			end(() => reject(error));
		}

		function takeBack(): void {
			if (!asked) return;
			questions.delete(asked.outgoing.frame.id);
			kernel.recall(asked.outgoing);
			asked = undefined;
		}

		function end(settle: () => void): void {
			isOver = true;
			takeBack();
			cancelTimer();
			leave();
			settle();
		}
	});
}

interface Question {
	readonly stream: number;
	readonly outgoing: Outgoing & { readonly frame: FrameOf<'stream:more'> };
}

interface Answered {
	take(page: PageFrame): void;
	fail(error: LiveError): void;
}

function setup(kernel: ClientKernel): Map<number, Answered> {
	const questions = new Map<number, Answered>();
	const page = (frame: PageFrame): void => questions.get(frame.id)?.take(frame);
	kernel.hook('frame', page as never, 'stream:page');
	const reply = ({ id, error }: FrameOf<'reply'>): void => {
		if (error) questions.get(id!)?.fail(toLiveError(error));
	};
	kernel.hook('frame', reply as never, 'reply');
	return questions;
}

// --- into the list ---

/** With the keys of what came in pages; what a list holds beside them came live. */
interface Paged extends Said {
	readonly keys?: Set<unknown>;
}

/**
 * Puts a page where it belongs: next to the pages before it, and not behind what came live meanwhile.
 *
 * What the list has already stays as it is, since it has followed every event; and what has been
 * changed or deleted since the page's position is so in the page as well.
 */
function addPage(follower: Follower, frame: PageFrame, kernel: ClientKernel): void {
	const { options } = follower;
	const list = follower.list!;
	const items = (list.peek() ?? []) as readonly unknown[];
	const loaded = pageOf(frame, options, kernel);
	const keys = keysOfPages(options, list, kernel);
	const at = placeOf(frame.place, options, items, (item) => keys.has(list.keyOf(item)));
	const added = loaded.filter((item) => list.find(list.keyOf(item)) < 0);
	list.reset([...items.slice(0, at), ...added, ...items.slice(at)]);
	for (const item of loaded) keys.add(list.keyOf(item));
	const { hasMore, cursor } = frame;
	const pages = (options.pages ?? 1) + 1;
	follower.options = { ...options, hasMore, cursor, pages, keys } as Paged;
}

/** The items of a page, as the events since its position have left them. */
function pageOf(frame: PageFrame, options: Said, { values }: ClientKernel): readonly unknown[] {
	const page = createList(values.decode(frame.data, frame.devalue), options);
	for (const { event, data, devalue } of frame.events ?? []) {
		// The list has been replaced as a whole: what was on its pages is not in it any more.
		if (event === 'set' && (options.of ?? options.merge) === 'crud') return [];
		const value = values.decode(data, devalue);
		// What is new is in the list already, at its own place.
		if (page.find(page.keyOf(value)) >= 0) apply(page, event, value);
	}
	return page.read() as readonly unknown[];
}

/** The keys of all pages so far; those of the first are in the answer, or the seed, that brought it. */
function keysOfPages(options: Said, list: List, { values }: ClientKernel): Set<unknown> {
	const said = options as Partial<SnapshotFrame & Seed & Paged>;
	if (said.keys) return said.keys;
	const first = 'value' in said ? said.value : values.decode(said.data, said.devalue);
	return new Set((first as readonly unknown[]).map((item) => list.keyOf(item)));
}

/** Where the next page begins: next to the pages, on the far side of what came live. */
function placeOf(
	place: PagePlace,
	{ prepend }: Said,
	items: readonly unknown[],
	isPaged: (item: unknown) => boolean
): number {
	if (place === 'before') {
		const first = prepend ? items.findIndex(isPaged) : 0;
		return first < 0 ? items.length : first;
	}
	return prepend ? items.length : items.findLastIndex(isPaged) + 1;
}

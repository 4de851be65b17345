/** Loaders that give a list page by page. */

import { RealtimeError } from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { MergeOptions, PagePlace, Paging } from './frames.ts';
import type { Source } from './load.ts';
import { pipedMerge } from './pipe/facts.ts';

/** What a loader returns that gives a list page by page. */
export interface Page<Item> {
	/** The items of the page, in the order in which they are shown. */
	readonly data: readonly Item[];
	/** There is another page behind it. */
	readonly hasMore: boolean;
	/**
	 * Where that page begins: the loader finds it in `ctx.cursor` then. JSON: a date, say, as text. Best
	 * the key of the last item, since a count of items is off by one with every item that is deleted.
	 */
	readonly cursor?: unknown;
}

/** What the client has of a loader's result: the items, where it comes in pages. */
export type Listed<Value> = Value extends Page<infer Item> ? Item[] : Value;

/** Most pages that are loaded for one client that lost what it had. */
const MOST = 20;

/** A loader's result: a value, and how it goes on where it is a list of pages. */
export interface Read {
	readonly value: unknown;
	readonly paging: Required<Paging> | undefined;
}

/** Runs the loader, for as many pages as are wanted, and puts them together. */
export async function readValue(source: Source): Promise<Read> {
	const { ctx, declaration, args, pages: wanted = 1 } = source;
	const loader = declaration.loader!;
	const first = await loader(ctx, ...args);
	if (!hasPages(declaration) || !isPage(first)) {
		return { value: first, paging: undefined };
	}
	let page = checked(first, source);
	let value = page.data;
	let pages = 1;
	for (; page.hasMore && pages < Math.min(wanted, MOST); pages += 1) {
		page = await readPage(source, page.cursor);
		value = joined(value, page.data, source);
	}
	return { value, paging: { hasMore: page.hasMore, cursor: page.cursor, pages } };
}

/** Runs the loader for the page that begins at `cursor`. */
export async function readPage(source: Source, cursor: unknown): Promise<Page<unknown>> {
	const { ctx, declaration, args } = source;
	const result = await declaration.loader!(contextAt(ctx, cursor), ...args);
	const page = Array.isArray(result) ? { data: result, hasMore: false } : result;
	if (isPage(page)) return checked(page, source);
	const about = ['the loader', `the stream "${ctx.path}"`, typeof result];
	throw new RealtimeError('RT_OPTION_INVALID', [...about, '{ data, hasMore, cursor }']);
}

/** How a client keeps a list that has pages: whole, since a cut would leave a hole before the next page. */
export function mergeOf(
	declaration: Source['declaration'],
	paging: Paging | undefined
): MergeOptions & Paging {
	const merge = pipedMerge(declaration.merge, declaration.pipes);
	return paging ? { ...merge, max: 0, ...paging } : merge;
}

/** On which side of the pages before it the next page belongs. */
export function placeOf({ merge, place }: Source['declaration']): PagePlace {
	// The latest events, oldest first: what comes before them is older still.
	return place ?? (merge.merge === 'latest' && !merge.prepend ? 'before' : 'after');
}

/** Whether a strategy is one of lists that can go on. */
export function hasPages({ merge }: Source['declaration']): boolean {
	return merge.merge === 'crud' || merge.merge === 'latest';
}

function isPage(value: unknown): value is Page<unknown> {
	const { data, hasMore } = (value ?? {}) as Partial<Page<unknown>>;
	return Array.isArray(data) && typeof hasMore === 'boolean';
}

/** A page whose next one can be asked for; without a cursor that travels, it is the last one. */
function checked(page: Page<unknown>, { kernel, ctx }: Source): Page<unknown> {
	if (!page.hasMore) return page;
	const { cursor } = page;
	const { json, devalue } = kernel.values.encode(cursor, 'a cursor');
	if (json !== undefined && json !== 'null' && !devalue) return page;
	const about = ['cursor', `the stream "${ctx.path}"`, String(cursor)];
	kernel.report(
		new RealtimeError('RT_OPTION_INVALID', [...about, 'JSON beside hasMore: a date, say, as text'])
	);
	return { data: page.data, hasMore: false };
}

/** `ctx` as the loader of a later page is handed it. */
function contextAt(ctx: LiveContext, cursor: unknown): LiveContext {
	return Object.create(ctx, { cursor: { value: cursor, enumerable: true } }) as LiveContext;
}

/** Two pages in their order; an item that slipped from one to the other stands where it was first. */
function joined(
	before: readonly unknown[],
	page: readonly unknown[],
	{ declaration }: Source
): readonly unknown[] {
	const { key } = declaration.merge;
	const keyOf = (item: unknown): unknown => (item as Record<string, unknown> | null)?.[key];
	const known = new Set(before.map(keyOf));
	const added = page.filter((item) => keyOf(item) === undefined || !known.has(keyOf(item)));
	return placeOf(declaration) === 'before' ? [...added, ...before] : [...before, ...added];
}

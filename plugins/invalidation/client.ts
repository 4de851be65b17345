/** The browser's half of invalidation: queries that are asked anew when a tag says so. */

import { createSubscriber } from 'svelte/reactivity';
import type { ClientKernel } from '../../kernel/client/index.ts';
import { randomOf } from '../../kernel/client/index.ts';
import { hear } from '../streams/hear.ts';
import type { Handled } from '../streams/store.ts';
import type { Age, Invalidation } from './frames.ts';
import { refresherOf } from './refresher.ts';

/** A tag of a live module, as its stub under `$live/*`. */
export interface Tag {
	readonly '~tag'?: never;
	subscribe(run: (value: unknown) => void): () => void;
}

/** What of SvelteKit's remote `query` is used. */
export interface Refreshable {
	refresh(): unknown;
	set(value: never): void;
}

export interface InvalidatedOptions {
	/** Milliseconds in which several invalidations are one. @default 25 */
	wait?: number;
	/** Takes the value of an invalidation that carries one. @default it is refreshed as well */
	set?: (value: unknown) => void;
}

/** Milliseconds after the page was asked for in which what it shows may come from the server. */
const RENDERED = 10_000;

/**
 * Runs `refresh` whenever a tag was invalidated, also while the page was away; the tag is followed
 * for it. Several invalidations within `wait`, or while `refresh` runs, are one.
 *
 * @returns what ends it.
 * @example $effect(() => invalidated(todos, () => getTodos().refresh()));
 */
export function invalidated(
	tags: Tag | readonly Tag[],
	refresh: () => unknown,
	{ wait = 25, set }: InvalidatedOptions = {}
): () => void {
	return follow(listOf(tags), { key: {}, refresh, set: set ?? (() => void refresh()), wait });
}

/**
 * The same query, which is asked anew whenever one of the tags was invalidated, for as long as
 * somebody shows it: an effect reads it, or a component awaits it. Where the invalidation carries a
 * value, that is shown, and nothing is asked.
 *
 * @example const list = tagged(getTodos(), todos);
 */
export function tagged<Query extends Refreshable>(
	query: Query,
	tags: Tag | readonly Tag[],
	{ wait = 25 }: Pick<InvalidatedOptions, 'wait'> = {}
): Query {
	if (!isPage(listOf(tags)[0])) return query;
	const target = {
		key: keyOf(query),
		refresh: () => query.refresh(),
		set: (value: unknown) => query.set(value as never),
		wait
	};
	const track = createSubscriber(() => follow(listOf(tags), target));
	return new Proxy(query, {
		get(of, name) {
			track();
			// Its own fields may be private, and are found on the query itself only.
			const value: unknown = Reflect.get(of, name, of);
			return typeof value === 'function' ? (value.bind(of) as unknown) : value;
		}
	});
}

interface Target {
	/** Equal for queries that are one. */
	readonly key: unknown;
	refresh(): unknown;
	set(value: unknown): void;
	readonly wait: number;
}

function follow(tags: readonly Handled[], target: Target): () => void {
	if (!isPage(tags[0])) return () => {};
	const ends = tags.map((tag) => followOne(tag, target));
	return () => {
		for (const end of ends) end();
	};
}

function followOne(tag: Handled, target: Target): () => void {
	const { host, find, retain } = tag['~stream'];
	const { kernel } = host();
	const refresher = refresherOf(kernel, target);
	let known: unknown = find()?.value;
	const begun = beginning(kernel);

	/** A value is of an answer that brings no events: what has happened before it is not told. */
	function look(): void {
		const value = find()?.value as Age | undefined;
		if (value === undefined || value === known) return;
		const isFirst = known === undefined;
		known = value;
		const isOld = value.age === null || value.age > kernel.clock.now() - begun;
		if (!isFirst || !isOld) refresher.refresh(0);
	}

	const leave = retain(look);
	const deafen = hear(tag, (_event, data) => {
		const { spread = 0, ...rest } = (data ?? {}) as Invalidation;
		if ('value' in rest) refresher.set(rest.value);
		else refresher.refresh(spread * randomOf(kernel.options));
	});
	return () => {
		deafen();
		leave();
		refresher.release();
	};
}

/** Since when the page has what it shows: what is rendered with it was read before it came. */
function beginning({ clock }: ClientKernel): number {
	const now = clock.now();
	const { performance } = globalThis as { performance?: { timeOrigin?: number } };
	const asked = performance?.timeOrigin ?? now;
	return asked <= now && now - asked < RENDERED ? asked : now;
}

/** While a page is rendered nobody is there to hear anything. */
function isPage(tag: Handled | undefined): boolean {
	return 'location' in globalThis || tag?.['~stream']?.host().kernel.options.url !== undefined;
}

function listOf(tags: Tag | readonly Tag[]): readonly Handled[] {
	return [tags].flat() as unknown as readonly Handled[];
}

/** Each `getTodos()` is another object; those of one query show the same key under a symbol. */
function keyOf(query: object): unknown {
	const values = Object.getOwnPropertySymbols(query).map(
		(name) => (query as Record<symbol, unknown>)[name]
	);
	return values.find((value) => typeof value === 'string') ?? query;
}

/** What a `$live` stream is on the server: loaded for a page, rendered, never followed. */

import { RealtimeError, type RequestEvent, type UpgradeRequest } from 'svelte-realtime/kernel';
import { runningApp, runningKernel } from '../running-kernel.ts';
import { keyOf } from './key.ts';
import { readable } from './loaded.ts';
import type { LoadEvent, Seed } from './seed.ts';
import type { StreamStore } from './store.ts';
import type { Condition } from './when.ts';

/** A store that holds one value and never changes: a page is rendered once. */
export interface ServerStream extends StreamStore<unknown> {
	/** The store for these arguments. */
	(...args: unknown[]): ServerStream;
	/** Loads the stream for the visitor of `event`, for `hydrate` in the page. */
	load(event: LoadEvent, ...args: unknown[]): Promise<Seed>;
	/** The store that shows what was loaded. */
	hydrate(seed: Seed): ServerStream;
	/** The value for the visitor of `event`, and every later one, for a `query.live` of SvelteKit's. */
	iterate(event: LoadEvent, ...args: unknown[]): AsyncIterableIterator<unknown>;
}

/** What `await` needs while a page is rendered; generated code passes it where Svelte is async. */
export interface RenderTools {
	/** Svelte's: its value travels in the page. */
	hydratable<T>(key: string, make: () => T): T;
	/** SvelteKit's: whose page it is. */
	getRequestEvent(): LoadEvent;
}

/** What a page has awaited, by request: a loader runs once for each stream. */
const awaited = new WeakMap<Request, Map<string, Promise<Seed>>>();

/** Makes the server's half of a stream under `$live/*`. */
export function serverStream(path: string, tools?: RenderTools): ServerStream {
	return stubOf({ path, args: [], tools });
}

interface Rendered {
	readonly path: string;
	readonly args: readonly unknown[];
	readonly tools: RenderTools | undefined;
	readonly seed?: Seed;
}

function stubOf(rendered: Rendered): ServerStream {
	const { path, tools } = rendered;
	const stub = (...args: unknown[]): ServerStream =>
		args.length === 0 ? (stub as ServerStream) : stubOf({ path, args, tools });
	const rest: Pick<ServerStream, 'load' | 'hydrate' | 'iterate'> = {
		load: (event, ...args) =>
			load(path, args, event).then((seed) => readable(seed, storeOf({ path, args, tools, seed }))),
		hydrate: (seed) => stubOf({ path, args: seed.args, tools, seed }),
		iterate: (event, ...args) =>
			runningKernel(path)
				.use('streams')
				.iterate(path, args, requestOf(event), { signal: event.request.signal })
	};
	return Object.assign(stub, storeOf(rendered), rest) as ServerStream;
}

function storeOf(rendered: Rendered): StreamStore<unknown> {
	const { seed } = rendered;
	return {
		subscribe(run) {
			run(seed?.value);
			return () => {};
		},
		current: seed?.value,
		error: undefined,
		loading: seed === undefined,
		ready: seed !== undefined,
		connected: false,
		// As the browser sees it at first, or else what it hydrates would not be what was rendered.
		stale: seed !== undefined,
		position: seed?.position,
		then: (resolved, rejected) => firstValue(rendered).then(resolved, rejected),
		hasMore: seed?.hasMore === true,
		// A page that is rendered is what it is: it gets no more of a list.
		loadMore: () => Promise.resolve(false),
		optimistic: () => ({ id: '', rollback() {}, confirm() {} }),
		when: (condition) => (holds(condition) ? storeOf(rendered) : INACTIVE),
		async *[Symbol.asyncIterator]() {
			yield await firstValue(rendered);
		},
		close() {}
	};
}

/** A stream under a condition that does not hold. */
const INACTIVE: StreamStore<unknown> = {
	...storeOf({ path: '', args: [], tools: undefined }),
	loading: false,
	then: (resolved, rejected) => Promise.resolve(undefined).then(resolved, rejected),
	when: () => INACTIVE,
	async *[Symbol.asyncIterator]() {}
};

function holds(condition: Condition): boolean {
	if (typeof condition === 'boolean') return condition;
	if (!('subscribe' in condition)) return Boolean(condition());
	let value: unknown;
	condition.subscribe((current) => (value = current))();
	return Boolean(value);
}

async function firstValue({ path, args, tools, seed }: Rendered): Promise<unknown> {
	if (seed) return seed.value;
	if (!tools) throw new RealtimeError('RT_STUB_SERVER_AWAIT', [path]);
	const event = tools.getRequestEvent();
	const key = `live:${path}${keyOf(args, {})}`;
	const own = awaited.get(event.request) ?? new Map<string, Promise<Seed>>();
	awaited.set(event.request, own);
	const loading = tools.hydratable(key, () => {
		const known = own.get(key) ?? load(path, args, event);
		own.set(key, known);
		return known;
	});
	return (await loading).value;
}

function load(path: string, args: readonly unknown[], event: LoadEvent): Promise<Seed> {
	const { kernel, forPage = (error) => error } = runningApp(path);
	return kernel
		.use('streams')
		.load(path, args, requestOf(event))
		.catch((error: unknown) => {
			throw forPage(error);
		});
}

function requestOf(event: LoadEvent): UpgradeRequest {
	const { request } = event;
	const url = urlOf(event);
	let headers: UpgradeRequest['headers'] | undefined;
	return {
		url: url.pathname + url.search,
		// Asked for by few apps, and whoever asks makes the page one for this visitor alone.
		get headers() {
			return (headers ??= Object.fromEntries(request.headers));
		},
		get ip() {
			return event.getClientAddress();
		},
		origin: url.origin,
		event: event as RequestEvent
	};
}

/** SvelteKit 3 keeps the address of the page from remote queries, where asking for it throws. */
function urlOf(event: LoadEvent): URL {
	try {
		return event.url;
	} catch {
		return new URL(event.request.url);
	}
}

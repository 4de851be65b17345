/** What a `$live` stream is on the server: loaded for a page, rendered, never followed. */

import { RealtimeError, type Kernel, type UpgradeRequest } from 'svelte-realtime/kernel';
import type { LoadEvent, Seed } from './seed.ts';

/** A store that holds one value and never changes: a page is rendered once. */
export interface ServerStream {
	/** The store for these arguments. */
	(...args: unknown[]): ServerStream;
	subscribe(run: (value: unknown) => void): () => void;
	readonly current: unknown;
	readonly error: undefined;
	readonly loading: boolean;
	readonly ready: boolean;
	readonly connected: false;
	readonly stale: false;
	/** Loads the stream for the visitor of `event`, for `hydrate` in the page. */
	load(event: LoadEvent, ...args: unknown[]): Promise<Seed>;
	/** The store that shows what was loaded. */
	hydrate(seed: Seed): ServerStream;
	close(): void;
}

/** Makes the server's half of a stream under `$live/*`. */
export function serverStream(path: string, seed?: Seed): ServerStream {
	const stream = (): ServerStream => serverStream(path);
	const members: Omit<ServerStream, never> = {
		subscribe(run) {
			run(seed?.value);
			return () => {};
		},
		current: seed?.value,
		error: undefined,
		loading: seed === undefined,
		ready: seed !== undefined,
		connected: false,
		stale: false,
		load: (event, ...args) => runningKernel(path).use('streams').load(path, args, requestOf(event)),
		hydrate: (loaded) => serverStream(path, loaded),
		close() {}
	};
	return Object.assign(stream, members);
}

/** Found through a global symbol: bundling can make two copies of this module. */
function runningKernel(path: string): Kernel {
	const { [Symbol.for('svelte-realtime.app') as never]: app } = globalThis as never;
	const kernel = (app as { kernel?: Kernel } | undefined)?.kernel;
	if (kernel === undefined) throw new RealtimeError('RT_SERVER_NOT_RUNNING', [path]);
	return kernel;
}

function requestOf(event: LoadEvent): UpgradeRequest {
	const { request, url } = event;
	return {
		url: url.pathname + url.search,
		headers: Object.fromEntries(request.headers),
		ip: event.getClientAddress(),
		origin: url.origin
	};
}

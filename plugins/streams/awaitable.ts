/** The browser's stub where Svelte is async: `await` goes on from what the server awaited. */

import { createSubscriber } from 'svelte/reactivity';
import { page } from '../../kernel/client/index.ts';
import { __stream, streamsClient, type StreamStub } from './client.ts';
import { keyOf } from './key.ts';
import type { Seed } from './seed.ts';
import { streamPrototype, type Handled, type StreamStore } from './store.ts';

/** Svelte's `hydratable`. */
export type Hydratable = <T>(key: string, make: () => T) => T;

/**
 * The stub of a stream, as generated code writes it for async Svelte: `await` is followed by the
 * effect that it stands in, and begins with what the server has put into the page.
 */
export function __awaitable(path: string, hydratable: Hydratable): StreamStub {
	const plain = __stream(path);
	const stub = (...args: unknown[]): StreamStore<unknown> =>
		args.length === 0
			? (stub as StreamStub)
			: awaited({}, { plain: plain(...args), path, args, hydratable });
	const { hydrate, load } = plain;
	const target = Object.assign(stub, { hydrate, load });
	return awaited(target, { plain, path, args: [], hydratable }) as StreamStub;
}

interface Awaited {
	readonly plain: StreamStore<unknown>;
	readonly path: string;
	readonly args: readonly unknown[];
	readonly hydratable: Hydratable;
}

/** Gives `target` the members of the store that stands for the stream at the time. */
function awaited(target: object, stream: Awaited): StreamStore<unknown> {
	const { plain, path, args, hydratable } = stream;
	const key = `live:${path}${keyOf(args, {})}`;
	let store = plain;
	let received: Promise<unknown> | undefined;
	let known: unknown;

	/** Takes over what the server sent, while the page is being hydrated. */
	function receive(): void {
		let sent: Promise<Seed> | undefined;
		try {
			sent = hydratable<Promise<Seed> | undefined>(key, () => undefined);
		} catch {
			// The server has not awaited it, or Svelte is not async after all: it loads over the socket.
		}
		if (!sent || sent === known) return;
		known = sent;
		received = sent.then((seed) => {
			store = streamsClient(page).store(path, seed.args, seed);
			received = undefined;
		});
	}

	const track = createSubscriber((update) => {
		let isOver = false;
		let leave = (): void => {};
		void Promise.resolve(received).then(() => {
			if (isOver) return;
			let isFirst = true;
			leave = store.subscribe(() => {
				if (!isFirst) update();
				isFirst = false;
			});
		});
		return () => {
			isOver = true;
			leave();
			// Who comes back later must not begin with what the page came with.
			store = plain;
		};
	});

	// Read in the tick of the `await`: later the page no longer counts as being hydrated, and an effect
	// takes no notice.
	Object.defineProperty(target, 'then', {
		get(): StreamStore<unknown>['then'] {
			receive();
			track();
			return (resolved, rejected) =>
				Promise.resolve(received)
					.then(() => store)
					.then(resolved, rejected);
		}
	});
	Object.defineProperty(target, '~stream', {
		get: () => (store as StreamStore<unknown> & Handled)['~stream']
	});
	return Object.setPrototypeOf(target, streamPrototype) as StreamStore<unknown>;
}

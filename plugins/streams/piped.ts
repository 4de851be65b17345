/** The browser's half of `pipe()`: lists that are kept in an order, and that know when they are short. */

import { page, type ClientKernel } from '../../kernel/client/index.ts';
import { __awaitable, type Hydratable } from './awaitable.ts';
import { streamsClient, streamStub, type StreamsClient, type StreamStub } from './client.ts';
import type { Follower } from './follower.ts';
import { installPiped, isShort, shortages } from './merge/piped.ts';

/** The streams of a client, piped ones among them. */
export function pipedClient(kernel: ClientKernel): StreamsClient {
	return kernel.install(setup);
}

function setup(kernel: ClientKernel): StreamsClient {
	installPiped();
	const streams = streamsClient(kernel);
	const followers = new Set<Follower>();
	let most = 16;
	const { acquire } = streams;
	streams.acquire = (address, store) => {
		if (followers.size >= most) {
			for (const follower of followers) if (!follower.isRunning) followers.delete(follower);
			most = 2 * followers.size + 16;
		}
		const follower = acquire(address, store);
		followers.add(follower);
		return follower;
	};
	let seen = shortages.count;
	let isDue = false;
	// Behind the streams' own handlers, so that what has come is in the lists.
	const check = (): void => {
		if (seen === shortages.count && !isDue) return;
		seen = shortages.count;
		isDue = false;
		for (const follower of followers) {
			// While it is asked for the answer may be all that it lacks; if not, it is looked at again.
			if (follower.isRunning && follower.list && isShort(follower.list))
				isDue = !refill(follower) || isDue;
		}
	};
	for (const type of ['event', 'stream:snapshot', 'stream:recovered', 'stream:delta']) {
		kernel.hook('frame', check as never, type);
	}
	return streams;
}

/** Asks for the whole list anew, where it can: its position says that nothing of it can be continued. */
function refill(follower: Follower): boolean {
	if (!follower.connected || follower.stale) return false;
	const { version: _, ...options } = follower.options;
	follower.options = options;
	const { topic = '' } = follower;
	const nowhere = { id: follower.id, topic, epoch: '-', seq: 0, events: [] };
	follower.answer({ ...options, ...nowhere, type: 'stream:recovered' });
	follower.ask();
	return true;
}

/** The stub of a piped stream, as generated code writes it. */
export function __piped(path: string): StreamStub {
	return streamStub(() => pipedClient(page), path);
}

/** The same for async Svelte. */
export function __awaitablePiped(path: string, hydratable: Hydratable): StreamStub {
	pipedClient(page);
	return __awaitable(path, hydratable);
}

/** Fetches the queue of calls that are made without a connection, where an app asks for it. */

import type { OfflineOptions } from '../../kernel/client/configure.ts';
import type { ClientKernel } from '../../kernel/client/index.ts';
import { rpcClient, type Call } from './client.ts';
import type { OfflineQueue } from './offline.ts';

/**
 * Begins at once, not with the first call: that may be one without a network, over which nothing
 * can be fetched, and what the page before has left is wanted even where this one calls nothing.
 */
export function loadOffline(kernel: ClientKernel, options: OfflineOptions): void {
	const client = rpcClient(kernel);
	if (client.offline) return;
	const early: Call[] = [];
	const use = (queue: OfflineQueue): void => {
		client.offline = queue;
		for (const call of early) queue.add(call);
	};
	client.offline = { add: (call) => early.push(call) };
	import('./offline.ts')
		.then(({ offlineQueue }) => offlineQueue({ kernel, client }, options))
		// Without the queue a call waits for its connection as it does elsewhere.
		.then(use, () => use({ add: (call) => call.begin() }));
}

/** `optimistic`, of streams and of calls: the one feature that is about both. */

import { callPrototype } from './rpc/client.ts';
import { addOptimistic } from './streams/optimistic.ts';

/** Gives all streams and calls `optimistic`. */
export function installOptimistic(): void {
	addOptimistic(callPrototype);
}

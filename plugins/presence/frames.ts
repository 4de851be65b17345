/** The frames of presence, beside those of its stream. */

import type { WireError } from 'svelte-realtime/kernel';

declare module 'svelte-realtime/kernel' {
	interface Frames {
		/**
		 * Client: what it says about itself on the presence stream of this `id`; answered by `presence:self`.
		 * Without `state` it only asks who it is.
		 */
		'presence:update': {
			readonly id: number;
			/** JSON; `null` takes back what was said. */
			readonly state?: unknown;
		};
		/** Server: which member the client of the stream with this `id` is, or would be. */
		'presence:self': {
			readonly id: number;
			readonly key: string;
			/** Why what was said does not show, or why the client is not listed. */
			readonly error?: WireError | undefined;
		};
	}
}

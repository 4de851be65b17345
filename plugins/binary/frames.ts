/** The frames of uploads. */

import type { CallFrame } from 'svelte-realtime/plugins/rpc';

/** A call whose function is handed bytes that follow. */
export interface BinaryFrame extends CallFrame {
	/** How many bytes, all in all. */
	readonly size: number;
}

/** Where an upload stands. */
export interface CreditFrame {
	/** Of the `binary` frame. */
	readonly id: number;
	/** Bytes that the server has. */
	readonly received: number;
	/** Up to where the client may send without hearing more. */
	readonly until: number;
}

declare module 'svelte-realtime/kernel' {
	interface Frames {
		/** Client: calls a function with bytes; answered by `binary:credit`, and once by a `reply`. */
		binary: BinaryFrame;
		/** Client, binary: bytes of an upload, from the offset `at` on; not answered. */
		'binary:chunk': { readonly id: number; readonly at: number };
		/** Server: how much it has, and how much it takes; also after `again`. */
		'binary:credit': CreditFrame;
	}
}

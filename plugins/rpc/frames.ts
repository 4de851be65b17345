/** The frames of calls. */

export interface CallFrame {
	/** Chosen by the client, counted up; the `reply` carries it. */
	readonly id: number;
	/** `module/function`, as under `$live/`. */
	readonly path: string;
	/** @default [] */
	readonly args?: unknown;
	/** The arguments are in devalue's flat form. */
	readonly devalue?: true;
}

declare module 'svelte-realtime/kernel' {
	interface Frames {
		/** Client: calls a function; answered by a `reply`. */
		rpc: CallFrame;
	}
}

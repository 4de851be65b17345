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
	/**
	 * It was sent before, and may have run: its first result is the answer. Names the connection on
	 * which it was sent first; `true` where the introduction of the session does.
	 */
	readonly again?: string | true | undefined;
	/** The call that has to be over, well or badly, before this one begins. */
	readonly after?: number | undefined;
	/** The client will not ask again for any call up to this id. */
	readonly done?: number | undefined;
	/** 1 to 64 printable characters, which the events that the function publishes carry. */
	readonly op?: string | undefined;
}

declare module 'svelte-realtime/kernel' {
	interface Frames {
		/** Client: calls a function; answered by a `reply`. */
		rpc: CallFrame;
		/**
		 * Client: the first frame of a connection on which it calls; not answered. From here on results
		 * are kept, so that the session can ask for them on its next connection.
		 */
		'rpc:session': {
			/** 16 to 64 characters that nobody can guess. */
			readonly session: string;
			/** The highest id that is asked for again with `again: true`. */
			readonly last?: number | undefined;
			/** The connection on which the first of those was sent. */
			readonly via?: string | undefined;
		};
		/** Client: nobody waits for the call with this `id` any more; not answered. */
		'rpc:cancel': { readonly id: number };
	}
}

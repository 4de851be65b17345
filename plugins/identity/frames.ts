/** The frames by which an open connection says anew who it is. */

declare module 'svelte-realtime/kernel' {
	interface Frames {
		/** Server: what the client showed when it connected is too old; it shows what it has now. */
		'identity:ask': {
			/** The answer carries it. */
			readonly ask: number;
		};
		/** Client: the answer. It is not answered, and ignored where nobody has asked. */
		'identity:token': {
			readonly ask: number;
			/** Absent for nobody. */
			readonly token?: string | undefined;
		};
	}
}

export {};

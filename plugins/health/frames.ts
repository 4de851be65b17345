/** The frames of health, and what they tell. */

/** How the server stands, as its pages are told. */
export interface PageHealth {
	readonly state: 'ok' | 'degraded';
	/** What does not work, as `redis`; what it is for stays with the operator. */
	readonly what: readonly string[];
	/** Milliseconds for which it has been so. */
	readonly for: number;
}

declare module 'svelte-realtime/kernel' {
	interface Frames {
		/** Client: wants to be told how the server stands, from now on; answered by `health:state`. */
		'health:watch': { readonly id?: never };
		/** Server: how it stands now. */
		'health:state': PageHealth;
	}
}

/** No client can follow this topic by asking for it: the server enters who has asked for health. */
export const TOPIC = '__health';
/** The event on it. */
export const CHANGED = 'changed';

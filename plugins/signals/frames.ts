/** What signals are called on the wire, and what an app says about them: shared by both sides. */

/**
 * The app's signals: name → data. An app adds its own, and both sides are typed by them.
 *
 * @example declare module 'svelte-realtime/kernel' { interface Signals { invited: { board: string } } }
 */
declare module 'svelte-realtime/kernel' {
	interface Signals {}
}

/** Stands before a user's id. No client can follow such a topic by asking for it. */
export const NAMESPACE = '__signal:';

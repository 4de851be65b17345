/** What is sent of cursors. */

import type { WireError } from 'svelte-realtime/kernel';

/** Where somebody points at. */
export interface Cursor<Data = unknown, User = unknown> {
	/** The connection's id: who has two tabs open has two pointers. */
	readonly key: string;
	/** The user's key in presence; absent where the connection has no user with an `id`. */
	readonly member?: string;
	/** What others may know of the user. */
	readonly user?: User;
	/** What its client sent: a position, a selection, a stroke. */
	readonly data: Data;
}

declare module 'svelte-realtime/kernel' {
	interface Frames {
		/** Client: moves its cursor in the stream that was begun with this id; without `data` hides it. Not answered. */
		'cursors:move': { readonly id: number; readonly data?: unknown };
		/** Server: the cursor of this stream was not moved; said once until a move is good again. */
		'cursors:refused': { readonly id: number; readonly error: WireError };
	}
}

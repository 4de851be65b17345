/** Forms after which the visitor is somebody else. */

import { enhance } from '$app/forms';
import { connection } from 'svelte-realtime/client';

/** Sends the form without leaving the page; the connection is made anew, as whoever it is now. */
export function signing(form: HTMLFormElement): { destroy(): void } {
	return enhance(form, () => async ({ update }) => {
		await update();
		connection.reconnect();
	});
}

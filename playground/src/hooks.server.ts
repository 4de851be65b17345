import type { Handle } from '@sveltejs/kit';
import { newVisitor, VISITOR } from '$lib/server/visitors';

/** Gives a browser that comes for the first time a cookie to be known by. */
export const handle: Handle = ({ event, resolve }) => {
	if (!event.cookies.get(VISITOR)) {
		event.cookies.set(VISITOR, newVisitor(), { path: '/', maxAge: 60 * 60 * 24 * 30 });
	}
	return resolve(event);
};

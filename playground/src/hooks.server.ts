import type { Handle } from '@sveltejs/kit';
import { personOf, SESSION } from '$lib/server/people';
import { newVisitor, VISITOR, visitorOf } from '$lib/server/visitors';

/** Tells who comes, for pages and for live functions alike. */
export const handle: Handle = async ({ event, resolve }) => {
	const { cookies, locals } = event;
	// A browser that comes for the first time is given a cookie to be known by.
	if (!cookies.get(VISITOR)) {
		cookies.set(VISITOR, newVisitor(), { path: '/', maxAge: 60 * 60 * 24 * 30 });
	}
	locals.user = (await personOf(cookies.get(SESSION))) ?? visitorOf(cookies.get(VISITOR));
	return resolve(event);
};

import { redirect } from '@sveltejs/kit';
import { resolve } from '$app/paths';
import { here } from '$live/people';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => {
	if (event.locals.user?.role !== 'admin') {
		redirect(303, `${resolve('/sign-in')}?next=${event.url.pathname}`);
	}
	return { people: await here.load(event) };
};

import { redirect } from '@sveltejs/kit';
import { here } from '$live/people';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => {
	if (event.locals.user?.role !== 'admin') redirect(303, '/sign-in?next=/admin');
	return { people: await here.load(event) };
};

import { fail, redirect } from '@sveltejs/kit';
import { resolve } from '$app/paths';
import { PEOPLE, SESSION, signIn, signOut } from '$lib/server/people';
import type { Actions, PageServerLoad } from './$types';

export const load: PageServerLoad = () => ({ people: PEOPLE });

export const actions: Actions = {
	in: async ({ request, cookies, url }) => {
		const secret = await signIn(String((await request.formData()).get('person')));
		if (!secret) return fail(400, { problem: 'There is nobody of that name.' });
		cookies.set(SESSION, secret, { path: '/' });
		redirect(303, ownPath(url.searchParams.get('next')));
	},

	out: async ({ cookies }) => {
		await signOut(cookies.get(SESSION) ?? '');
		cookies.delete(SESSION, { path: '/' });
		redirect(303, resolve('/sign-in'));
	}
};

/** Only a path of this site: a link that names another must not lead there. */
function ownPath(next: string | null): string {
	return next && /^\/(?![/\\])/.test(next) ? next : resolve('/');
}

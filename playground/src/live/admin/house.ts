/** What only an admin may do; the guard of the folder sees to it. */

import * as v from 'valibot';
import { live } from 'svelte-realtime';
import { signOutEverywhere } from '$lib/server/people';
import { Notice } from '$lib/server/schemas';
import { board } from '$lib/server/store';

/** Says something to one person, on every page that they have open. */
export const tell = live(Notice, (ctx, { user, text }) => ctx.signal(user, 'notice', text));

/** Ends the sessions of somebody; their pages come back as guests. */
export const signOut = live(v.object({ user: v.string() }), async (ctx, { user }) => {
	await signOutEverywhere(user);
	void ctx.signal(user, 'signed-out');
	return ctx.identity.revoke({ user });
});

/** Takes everything off the board, and says how much there was. */
export const clearBoard = live(async (ctx) => {
	const notes = await board.list();
	for (const { id } of notes) {
		await board.remove(id);
		await ctx.publish('board', 'deleted', { id });
	}
	return notes.length;
});

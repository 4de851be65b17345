import { live } from 'svelte-realtime';
import { MESSAGES_KEPT } from '$lib/model';
import { NewMessage } from '$lib/server/schemas';
import { chat } from '$lib/server/store';

/** Says something to everybody who has the page open. */
export const send = live(NewMessage, async (ctx, input) => {
	const message = await chat.add(input);
	await ctx.publish('chat', 'created', message);
	return message;
});

/** The latest messages, oldest first. */
export const messages = live.stream('chat', () => chat.list(), {
	merge: 'latest',
	max: MESSAGES_KEPT
});

import { live } from 'svelte-realtime';
import { url } from '$lib/server/db';

export const send = live(async (_ctx, text: string) => `${text} by ${url}`);
export const messages = live.stream('messages', async () => [{ id: 1, text: `from ${url}` }]);

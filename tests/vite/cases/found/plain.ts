import { live } from 'svelte-realtime';

export const send = live(async (_ctx: unknown, text: string) => text.length);
export const messages = live.stream('messages', async () => [{ id: 1, text: 'hello' }]);

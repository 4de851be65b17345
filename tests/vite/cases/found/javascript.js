import { live } from 'svelte-realtime';

export const send = live(async (_ctx, text) => text);
export const messages = live.stream('messages', () => []);

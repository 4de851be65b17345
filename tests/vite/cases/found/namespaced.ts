import * as rt from 'svelte-realtime';

export const send = rt.live(async () => 1);
export const messages = rt.live.stream('messages', async () => []);

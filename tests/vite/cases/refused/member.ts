import { live } from 'svelte-realtime';

export const send = live.steam('messages', async () => []);

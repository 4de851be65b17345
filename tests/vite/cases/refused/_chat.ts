import { live } from 'svelte-realtime';

export const send = live(async () => 1);

import { live } from 'svelte-realtime';

export const __send = live(async () => 1);

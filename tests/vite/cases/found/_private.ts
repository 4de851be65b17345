import { live } from 'svelte-realtime';

export const hidden = live(async () => 1);

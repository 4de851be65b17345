import { live } from 'svelte-realtime';

export const send = live(() => 1);

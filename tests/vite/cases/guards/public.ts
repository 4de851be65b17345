import { live } from 'svelte-realtime';

export const send = live(() => 1);
export const _public = false;

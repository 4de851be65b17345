import { live } from 'svelte-realtime';

export const _guard = live(() => true);
export const send = live(() => 1);

import { live } from 'svelte-realtime';

export const _public = true as const;
export const send = live(() => 1);

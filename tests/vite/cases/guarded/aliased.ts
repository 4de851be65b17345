import { guard as protect, live } from 'svelte-realtime';

const make = protect;
export const _guard = make(() => true);
export const send = live(() => 1);

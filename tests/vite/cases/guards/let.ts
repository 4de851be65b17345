import { guard, live } from 'svelte-realtime';

export const send = live(() => 1);
export let _guard = guard(() => true);

import { guard, live } from 'svelte-realtime';

const _guard = guard(() => true);
export const send = live(() => 1);

import { guard, live } from 'svelte-realtime/plugins';

export const _guard = guard(() => true);
export const send = live(() => 1);

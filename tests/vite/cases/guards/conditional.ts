import { guard, live } from 'svelte-realtime';

export const send = live(() => 1);
export const _guard = process.env.OPEN ? undefined : guard(() => true);

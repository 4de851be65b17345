import { guard, live } from 'svelte-realtime';

export const send = live(() => 1);
export const { _guard } = { _guard: guard(() => true) };

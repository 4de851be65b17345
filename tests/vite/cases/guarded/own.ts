import { guard, live } from 'svelte-realtime';

export * from './_shared.ts';
export const _guard = guard(() => true);
export const send = live(() => 1);

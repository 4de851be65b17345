import { guard, live } from 'svelte-realtime';

const wrap = <T>(value: T): T => value;
export const _guard = wrap(guard(() => true));
export const send = live(() => 1);

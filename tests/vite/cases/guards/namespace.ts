import { live } from 'svelte-realtime';

export * as _guard from './_starred.ts';
export const send = live(() => 1);

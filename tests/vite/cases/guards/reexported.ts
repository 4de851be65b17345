import { live } from 'svelte-realtime';

export { _guard } from './_lookalike.ts';
export const send = live(() => 1);

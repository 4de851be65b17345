import { live } from 'svelte-realtime';

export { nothing as _guard } from './_starred.ts';
export const send = live(() => 1);

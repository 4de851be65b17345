import { live } from 'svelte-realtime';
import { _guard } from './_shared.ts';

export { _guard };
export const send = live(() => 1);

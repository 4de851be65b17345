import { live } from 'svelte-realtime';

export { signedIn as _guard } from './_shared.ts';
export const send = live(() => 1);

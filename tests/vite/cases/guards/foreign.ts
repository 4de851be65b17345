import { live } from 'svelte-realtime';

export { _guard } from 'some-library';
export const send = live(() => 1);

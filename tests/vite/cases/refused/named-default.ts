import { live } from 'svelte-realtime';

const send = live(async () => 1);
export { send as default };

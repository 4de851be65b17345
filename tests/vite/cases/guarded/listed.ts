import { guard, live } from 'svelte-realtime';

const check = guard(() => true);
const same = check;
const send = live(() => 1);
export { same as _guard, send };

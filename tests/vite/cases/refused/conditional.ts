import { live } from 'svelte-realtime';

const isOn = Math.random() > 2;
export const send = isOn ? live(async () => 1) : live(async () => 2);

import { live } from 'svelte-realtime';

export const { send } = { send: live(async () => 1) };

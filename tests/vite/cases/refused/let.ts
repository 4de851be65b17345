import { live } from 'svelte-realtime';

export let send = live(async () => 1);

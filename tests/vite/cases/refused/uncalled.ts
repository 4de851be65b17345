import { live } from 'svelte-realtime';

export const stream = live.stream;

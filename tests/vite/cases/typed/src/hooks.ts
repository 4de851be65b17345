import { liveTransport } from 'svelte-realtime/client';

export const transport = { ...liveTransport };

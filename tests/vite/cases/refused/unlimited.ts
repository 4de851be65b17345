import { live } from 'svelte-realtime';

export const send = live.rateLimit({ points: 5, window: 1000 }, [async () => 1][0]!);

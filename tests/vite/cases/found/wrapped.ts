import { live } from 'svelte-realtime';

const budget = { points: 5, window: 1000 };
const messages = live.stream('messages', async () => [{ id: 1 }]);

export const limited = live.rateLimit({ points: 5, window: 1000 }, live(async () => 1));
export const twice = live.rateLimit(budget, live.rateLimit(budget, live(async () => 1)));
export const named = live.rateLimit(budget, messages);
export const gated = live.gate(() => true, messages);
export const both = live.rateLimit(budget, live.gate(async () => true, live(async () => 1)));

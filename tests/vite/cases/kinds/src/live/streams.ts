import { live } from 'svelte-realtime';
import type { Message } from './calls.ts';

/** The last messages. */
export const messages = live.stream('messages', async (): Promise<Message[]> => []);
export const count = live.stream('count', () => 1, { merge: 'set' });
export const settings = live.stream('settings', () => ({ dark: false, size: 's' as 's' | 'm' }), {
	merge: 'set'
});
export const latest = live.stream('latest', async () => [{ id: 1, level: 2 }], { merge: 'latest' });
export const logged = live.stream<Message>('logged', null, { merge: 'latest' });
export const keyed = live.stream('keyed', async () => [{ name: 'a' }], { key: 'name' });
export const one = live.stream(
	(_ctx, id: string) => `one:${id}`,
	async (_ctx, id) => [{ id, size: id.length }]
);
export const two = live.stream(
	(_ctx, id: string, page?: number) => `two:${id}:${page}`,
	async (_ctx, id, page?: number) => [{ id, page }]
);
export const mine = live.stream(
	(ctx) => `mine:${ctx.path}`,
	async (): Promise<Message[]> => []
);
export const paged = live.stream('paged', async () => ({
	data: [{ id: 1, text: 'a' }],
	hasMore: false as boolean,
	cursor: 1
}));
export const versioned = live.stream('versioned', async (): Promise<Message[]> => [], {
	version: 2,
	migrate: { 1: (item) => item }
});
export const limited = live.rateLimit({ points: 5, window: 1000 }, messages);
export const gated = live.gate((_ctx, id) => id.length > 0, one);
export const both = live.rateLimit(
	{ points: 5, window: 1000 },
	live.gate(async () => true, live(async (_ctx, id: number) => ({ id })))
);

export const never = live.gate(
	() => false,
	live.stream('never', () => [{ id: 1 }])
);

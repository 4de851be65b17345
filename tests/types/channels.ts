/** What a channel must be to the compiler, on both sides. Checked by tsc; nothing here runs. */

import * as v from 'valibot';
import { live, type LiveContext } from 'svelte-realtime';
import type { Stub } from 'svelte-realtime/client';

const Move = v.object({ x: v.pipe(v.string(), v.transform(Number)) });

const game = live.channel('game', {
	events: { move: Move, say: v.string(), over: null },
	publish: ['move', 'over']
});
const board = live.channel((_ctx, id: string, page: number) => `board:${id}:${page}`, {
	topics: 'board:*',
	merge: 'latest',
	events: { say: v.string() },
	guard: (ctx, id) => id.length > 0 && ctx.user !== null,
	publish: (_ctx, event: 'say', id, page) => event.length > id.length + page
});

// @ts-expect-error there is no such event
live.channel('x', { events: { say: null }, publish: ['jump'] });
// @ts-expect-error a schema, or null
live.channel('x', { events: { say: 1 } });

export function server(ctx: LiveContext): void {
	void game.publish(ctx, 'move', { x: '1' });
	void game.publish(ctx, 'over');
	void board.publish(ctx, 'say', 'hi', 'kitchen', 1);
	// @ts-expect-error what goes in is a text
	void game.publish(ctx, 'move', { x: 1 });
	// @ts-expect-error there is no such event
	void game.publish(ctx, 'jump', 1);
	// @ts-expect-error which board?
	void board.publish(ctx, 'say', 'hi');
	// @ts-expect-error what is said?
	void game.publish(ctx, 'say');
}

declare const client: Stub<typeof game>;
declare const boards: Stub<typeof board>;

export async function page(): Promise<void> {
	client.on('move', ({ x }) => x.toFixed());
	client.on('over', (anything: unknown) => void anything);
	// @ts-expect-error there is no such event
	client.on('jump', () => {});
	await client.publish('move', { x: '1' });
	await client.publish('over');
	// @ts-expect-error clients do not say
	await client.publish('say', 'hi');
	// @ts-expect-error what goes in is a text
	await client.publish('move', { x: 1 });

	const kitchen = boards('kitchen', 1);
	const lines: string[] | undefined = kitchen.current;
	await kitchen.publish('say', 'hi');
	// @ts-expect-error which board?
	boards('kitchen');
	void lines;
}

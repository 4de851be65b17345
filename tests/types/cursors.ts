/** What must compile, and what must not, with `live.cursors`. Checked by tsc; nothing here runs. */

import * as v from 'valibot';
import { live } from 'svelte-realtime';
import { smooth, type Cursor, type CursorsStore, type Stub } from 'svelte-realtime/client';

const data = v.object({ x: v.number(), y: v.pipe(v.string(), v.transform(Number)) });

export const plain = live.cursors('lobby');
export const typed = live.cursors('lobby', { data, user: () => ({ initials: 'AL' }) });
export const board = live.cursors((_ctx, id: string) => `board:${id}`, {
	data,
	guard: (_ctx, id) => id.length > 0,
	user: (_ctx, id) => id
});

// @ts-expect-error a topic is text
live.cursors(1);
// @ts-expect-error a topic is made at once
live.cursors(async (_ctx, id: string) => id);
// @ts-expect-error a schema is asked for
live.cursors('lobby', { data: { x: 1 } });
// @ts-expect-error milliseconds are a number
live.cursors('lobby', { interval: '16' });

declare const pointers: {
	plain: Stub<typeof plain>;
	typed: Stub<typeof typed>;
	board: Stub<typeof board>;
};

export async function browser(): Promise<void> {
	pointers.plain.move({ any: 'JSON' });
	pointers.plain.move(null);
	const name: string | undefined = pointers.plain.current?.[0]?.user?.name;

	pointers.typed.move({ x: 1, y: '2' });
	// @ts-expect-error what a client sends is the schema's input
	pointers.typed.move({ x: 1, y: 2 });
	const cursors: readonly Cursor<{ x: number; y: number }, { initials: string }>[] =
		await pointers.typed;
	const y: number | undefined = pointers.typed.current?.[0]?.data.y;
	const key: string | undefined = pointers.typed.key;

	const store: CursorsStore<readonly Cursor<{ x: number; y: number }, string>[], unknown> =
		pointers.board('a') as never;
	pointers.board('a').move({ x: 1, y: '2' });
	// @ts-expect-error which board?
	pointers.board.move({ x: 1, y: '2' });
	// @ts-expect-error a board is named by text
	pointers.board(1);

	const shown: number | undefined = smooth(pointers.typed, { duration: 50 }).current?.[0]?.data.x;
	// @ts-expect-error milliseconds are a number
	smooth(pointers.typed, { duration: '50' });
	void [name, cursors, y, key, store, shown];
}

/** What a room must be to the compiler, on both sides. Checked by tsc; nothing here runs. */

import * as v from 'valibot';
import { live } from 'svelte-realtime';
import type { Stub } from 'svelte-realtime/client';

interface Note {
	readonly id: string;
	readonly text: string;
}

const board = live.room({
	topic: (_ctx, name: string) => `board:${name}`,
	init: (ctx, name): Note[] => [{ id: ctx.path, text: name.trim() }],
	guard: (ctx, name) => name.length > 0 && ctx.user !== null,
	presence: { data: (_ctx, name) => ({ at: name }), state: v.object({ typing: v.boolean() }) },
	cursors: { data: v.object({ x: v.number() }) },
	actions: {
		add(ctx, name: string, text: string): Note {
			void ctx.publish('created', { text });
			return { id: ctx.topic, text: name + text };
		},
		rename: live.room.action(v.object({ id: v.string() }), (ctx, name: string, input: Note) =>
			[ctx.topic, name, input.text].join()
		)
	}
});

const lobby = live.room({
	topic: 'lobby',
	init: (ctx) => ctx.path.length,
	guard: (ctx) => ctx.user !== null,
	merge: 'set',
	actions: {
		raise: live.room.action(v.optional(v.number(), 1), (_ctx, by) => by.toFixed())
	}
});

/** Functions may leave out what they do not need, also where there are no arguments. */
const yard = live.room({
	topic: 'yard',
	init: (ctx) => [ctx.path],
	presence: { data: (ctx) => ({ at: ctx.path }) },
	cursors: { user: (ctx) => ({ at: ctx.path }) }
});

declare const client: Stub<typeof board>;
declare const hall: Stub<typeof lobby>;
declare const outside: Stub<typeof yard>;

export async function parts(): Promise<void> {
	const notes: Note[] = await client.data('kitchen');
	const members: readonly { key: string; data: { at: string } }[] =
		await client.presence('kitchen');
	await client.presence('kitchen').update({ typing: true });
	// @ts-expect-error what is said has to fit the schema
	await client.presence('kitchen').update({ typing: 1 });
	client.cursors('kitchen').move({ x: 1 });
	// @ts-expect-error where to?
	client.cursors('kitchen').move({});
	// @ts-expect-error which board?
	client.data.current;
	void [notes, members];
}

export async function actions(): Promise<void> {
	const note: Note = await client.add('kitchen', 'milk');
	const line: string = await client.rename('kitchen', { id: '1', text: 'tea' });
	// @ts-expect-error the text is missing
	await client.add('kitchen');
	// @ts-expect-error there is no such action
	await client.remove('kitchen');
	const raised: string = await hall.raise(undefined);
	// @ts-expect-error a number is wanted
	await hall.raise('1');
	const count: number | undefined = hall.data.current;
	// @ts-expect-error this room has no presence
	hall.presence;
	const at: string | undefined = outside.presence.current?.[0]?.data.at;
	const seen: string | undefined = outside.cursors.current?.[0]?.user?.at;
	void [note, line, raised, count, at, seen];
}

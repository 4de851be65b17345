import * as v from 'valibot';
import { live } from 'svelte-realtime';

const State = v.object({ typing: v.optional(v.boolean(), false) });
const Point = v.object({ x: v.number(), y: v.pipe(v.string(), v.transform(Number)) });

export const lobby = live.presence('lobby');
export const named = live.presence('named', { data: () => ({ name: 'Ada' }), state: State });
export const present = live.presence((_ctx, id: string) => `board:${id}`, {
	data: (_ctx, id) => ({ at: id.length })
});
export const pointers = live.cursors('lobby');
export const typed = live.cursors('typed', { data: Point, user: () => ({ initials: 'AL' }) });
export const pointing = live.cursors((_ctx, id: string) => `board:${id}`, { data: Point });

/** A place for notes. */
export const board = live.room({
	topic: (_ctx, name: string) => `notes:${name}`,
	init: async (_ctx, name) => [{ id: name, text: '' }],
	presence: { data: (_ctx, name) => ({ at: name }) },
	cursors: { data: Point },
	actions: {
		/** Adds a note. */
		add: (_ctx, name: string, text: string) => ({ id: name, text }),
		rename: live.room.action(Point, (_ctx, name: string, input: { x: number }) => name + input.x)
	}
});
export const yard = live.room({ topic: 'yard', init: () => 1, merge: 'set' });
export const bare = live.room({ topic: 'bare', init: async () => [{ id: 1 }], actions: { wave: () => 'hi' } });

export const game = live.channel('game', {
	events: { move: Point, say: v.string(), over: null },
	publish: ['move', 'over']
});
export const channels = live.channel((_ctx, id: string) => `table:${id}`, {
	topics: 'table:*',
	events: { say: v.string() },
	publish: ['say']
});
export const quiet = live.channel('quiet', { events: { tick: v.number() } });

export const team = live.group((_ctx, id: string) => `team:${id}`, {
	roles: ['admin', 'member'],
	role: (_ctx, id) => (id === 'mine' ? 'admin' : 'member'),
	meta: (_ctx, id) => ({ title: id }),
	events: { say: v.pipe(v.string(), v.transform(Number)) },
	publish: ['say']
});
export const everybody = live.group('everybody');

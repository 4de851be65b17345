/** What `pipe()` and the wrappers make of types. Checked by tsc; nothing here runs. */

import * as v from 'valibot';
import { live, pipe, type LiveContext, type LiveFunction, type LiveStream } from 'svelte-realtime';
import type { Stub, StreamStore } from 'svelte-realtime/client';
import type { Page } from 'svelte-realtime';

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
interface Note {
	readonly id: number;
	readonly done: boolean;
	readonly by: string | null;
}
interface Person {
	readonly name: string;
}
declare const notes: Note[];
declare function personOf(id: string): Promise<Person | undefined>;
declare function peopleOf(ids: readonly string[]): Promise<(Person | null)[]>;

const list = live.stream('notes', () => notes);
const inRoom = live.stream(
	(_ctx, room: string) => `notes:${room}`,
	(_ctx, _room) => notes
);

// --- filter ---

const open = pipe(
	list,
	pipe.filter((note) => !note.done)
);
export const kept: Same<typeof open, LiveStream<[], Note[], false, Note[]>> = true;
pipe(
	inRoom,
	pipe.filter((note, room) => note.by === room.trim())
);
pipe(
	list,
	// @ts-expect-error a filter is asked about the item, not about who asks
	pipe.filter((ctx: LiveContext, note: Note) => ctx.user === note.by)
);
pipe(
	list,
	// @ts-expect-error an item has no user: what depends on the person belongs into topic or guard
	pipe.filter((ctx) => ctx.user === 'ada')
);
const isDone = pipe.filter((note: Note) => note.done);
export const shared: [Note[], Note[]] = null as unknown as [
	(typeof pipedList)['~live']['value'],
	(typeof pipedRoom)['~live']['value']
];
const pipedList = pipe(list, isDone);
const pipedRoom = pipe(inRoom, isDone);
pipe(
	list,
	// @ts-expect-error a promise is true of everything
	pipe.filter(async (note) => note.done)
);

// --- sort, limit ---

pipe(list, pipe.sort('by', 'desc'), pipe.limit(3));
// @ts-expect-error no item has such a field
pipe(list, pipe.sort('due'));
// @ts-expect-error up or down
pipe(list, pipe.sort('by', 'up'));

// --- join ---

const joined = pipe(
	list,
	pipe.join('by', (id) => personOf(id), 'person'),
	pipe.filter((note) => note.person?.name !== 'Ada' && note.done),
	pipe.join('by', peopleOf, 'other', { batch: true })
);
type Joined =
	typeof joined extends LiveStream<infer _, infer Value, infer __, infer ___>
		? Value extends readonly (infer Item)[]
			? Item
			: never
		: never;
export const person: Same<Joined['person'], Person | null> = true;
export const other: Same<Joined['other'], Person | null> = true;
export const own: Same<Joined['done'], boolean> = true;
pipe(
	list,
	// @ts-expect-error the look-up is handed the value of the field
	pipe.join('by', (id: number) => id, 'person')
);
pipe(
	list,
	// @ts-expect-error no item has such a field
	pipe.join('author', (id) => id, 'person')
);

// --- what it is around of ---

export const stub: Stub<typeof joined> = null as unknown as Stub<typeof joined>;
export const store: StreamStore<Joined[]> = stub;
const paged = live.stream('notes', (): Page<Note> => ({ data: notes, hasMore: false }));
const pagedOpen = pipe(
	paged,
	pipe.filter((note) => note.done)
);
export const pages: Same<Awaited<ReturnType<typeof pagedOpen>>, Page<Note>> = true;
export const roomStub = (room: Stub<typeof inRoom>): StreamStore<Note[]> => room('a');
const one = live.stream('one', () => 1, { merge: 'set' });
// @ts-expect-error one value has no items
pipe(one, pipe.limit(1));
const called = live(() => 1);
// @ts-expect-error a function is no stream
pipe(called, pipe.limit(1));
export const inline = pipe(
	live.stream('notes', () => notes),
	pipe.filter((note) => !note.done),
	pipe.sort('by')
);

// --- wrappers ---

const budget = { points: 1, window: 1000 };
const schema = v.pipe(v.string(), v.transform(Number));
type Checked = LiveFunction<[input: number, times: number], number, [input: string, times: number]>;

const plain = live(schema, (_ctx, input, times: number) => input * times);
const validated = live.validated(schema, (_ctx, input, times: number) => input * times);
const inside = live.validated(
	schema,
	live.rateLimit(budget, (_ctx, input: number, times: number) => input * times)
);
const outside = live.rateLimit(
	budget,
	live.validated(schema, (_ctx, input, times: number) => input * times)
);
export const same: [
	Same<typeof plain, Checked>,
	Same<typeof validated, Checked>,
	Same<typeof inside, Checked>,
	Same<typeof outside, Checked>
] = [true, true, true, true];

const limited = live.rateLimit(budget, (_ctx: LiveContext, name: string) => name.length);
export const bare: Same<typeof limited, LiveFunction<[name: string], number>> = true;
const gated = live.gate(() => true, open);
const gatedPipe = pipe(
	live.gate(() => true, list),
	pipe.filter((note) => !note.done)
);
export const piped: [Same<typeof gated, typeof open>, Same<typeof gatedPipe, typeof open>] = [
	true,
	true
];
// @ts-expect-error arguments of a stream are checked by its guard
live.validated(schema, inRoom);
// @ts-expect-error a function takes what the schema makes of its input
live.validated(schema, (_ctx, input: string) => input);

live.middleware(async (ctx, next) => {
	const begun = ctx.path;
	const outcome = await next();
	return begun ? outcome : next();
});
// @ts-expect-error what next() came to has to be returned
live.middleware((_ctx, next) => void next());

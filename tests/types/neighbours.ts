/** What must hold of signals, tags, breakers, metrics and iterables. Checked by tsc; nothing here runs. */

import prom from 'prom-client';
import * as v from 'valibot';
import {
	createBreaker,
	live,
	type LiveContext,
	type Signal,
	type SignalResult
} from 'svelte-realtime';
import { invalidated, tagged, type OnSignal, type Stub } from 'svelte-realtime/client';
import type { LoadEvent } from 'svelte-realtime/plugins/streams';

/** What an app merges into the interface `Signals`; here it would be that of all tests. */
interface Own {
	invited: { board: string };
	ping: undefined;
}

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

// --- signals ---

declare const ctx: { readonly signal: Signal<Own> };
declare const onSignal: OnSignal<Own>;
export const undeclared = (any: LiveContext): unknown => any.signal('ada', 'whatever', 1);

export async function signalling(): Promise<SignalResult> {
	// @ts-expect-error there is no such signal
	void ctx.signal('ada', 'unknown', 1);
	// @ts-expect-error its data is another
	void ctx.signal('ada', 'invited', { table: 'b' });
	// @ts-expect-error it has data
	void ctx.signal('ada', 'invited');
	// @ts-expect-error nobody is meant
	void ctx.signal(undefined, 'ping');
	void ctx.signal({ id: 7 }, 'ping');
	return ctx.signal(7, 'invited', { board: 'b' });
}

onSignal('invited', ({ board }) => board.length);
// @ts-expect-error there is no such signal
onSignal('unknown', () => {});
onSignal((event, data) => {
	if (event === 'invited') return data.board.length;
	const nothing: undefined = data;
	return nothing;
});

// --- tags ---

declare const query: {
	refresh(): Promise<void>;
	set(value: string[]): void;
	readonly current: string[] | undefined;
};
const todos = live.tag('todos');
const list = live.tag((_ctx, id: number) => `list:${id}`, { guard: (_ctx, id) => id > 0 });
declare const stubs: { todos: Stub<typeof todos>; list: Stub<typeof list> };

export const shown: string[] | undefined = tagged(query, [stubs.todos, stubs.list(1)]).current;
export const stop: () => void = invalidated(stubs.todos, () => query.refresh(), { wait: 5 });
// @ts-expect-error the tag of a list needs to know which
tagged(query, stubs.list);
// @ts-expect-error an id is a number
stubs.list('1');
// @ts-expect-error what cannot be refreshed cannot be tagged
tagged({ current: 1 }, stubs.todos);

// --- breaker ---

const breaker = createBreaker({ failures: 3, onChange: (state) => state === 'open' });
const post = live(v.string(), async (_ctx, text) => text.length);
const send = live.breaker({ breaker, fallback: (_ctx, text) => text.length }, post);
export const sent: Same<Awaited<ReturnType<Stub<typeof send>>>, number> = true;
live.breaker(
	// @ts-expect-error the fallback is of another type
	{ breaker, fallback: 'text' },
	live(() => 1)
);
export const ran: Promise<number> = breaker.run(async () => 1);

// --- metrics ---

live.metrics(prom);
live.metrics({ ...prom, register: new prom.Registry() });
live.metrics({
	counter: () => ({ inc() {} }),
	histogram: () => ({ observe() {} }),
	gauge: () => ({ inc() {}, dec() {} })
});
// @ts-expect-error no gauge
live.metrics({ counter: () => ({ inc() {} }), histogram: () => ({ observe() {} }) });

// --- iterables ---

const rows = live.stream('rows', (): { id: number }[] => []);
const room = live.stream(
	(_ctx, name: string) => name,
	() => 1,
	{ merge: 'set' }
);
declare const event: LoadEvent;
declare const streams: { rows: Stub<typeof rows>; room: Stub<typeof room> };
export const all: AsyncIterable<{ id: number }[]> = streams.rows.iterate(event);
export const one: AsyncIterable<number> = streams.room.iterate(event, 'a');
// @ts-expect-error which room?
streams.room.iterate(event);
export const events: AsyncIterable<{ event: string; data: unknown }> = live.iterate('orders', {
	buffer: 10
});

/** What must hold between the two halves of a stream. Checked by tsc; nothing here runs. */

import { live, type LiveContext, type Page } from 'svelte-realtime';
import type { Stub } from 'svelte-realtime/client';
import type { ServerStream } from 'svelte-realtime/plugins/streams';

type Browser = Stub<{
	'~live': { kind: 'stream'; args: [name: string]; value: string[]; dynamic: true };
}>;
type Plain = Stub<{ '~live': { kind: 'stream'; args: []; value: string[]; dynamic: false } }>;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** A page that is rendered finds on the server whatever it uses in the browser, and nothing else. */
export const plain: Same<keyof Plain, keyof ServerStream> = true;
export const dynamic: Same<
	keyof ReturnType<Browser> | 'load' | 'hydrate' | 'iterate',
	keyof ReturnType<ServerStream>
> = true;

interface Row {
	readonly id: number;
}
const load = async ({ cursor }: LiveContext): Promise<Page<Row>> => {
	// @ts-expect-error a cursor is what a client says, and has to be checked
	const known: number = cursor;
	return { data: [{ id: known }], hasMore: true, cursor: known };
};

/** Of a list that comes in pages a page sees the list, and the server the page. */
const rows = live.stream('rows', load, { delta: { version: () => 1, diff: () => [{ id: 1 }] } });
export const paged: Same<Stub<typeof rows>['current'], Row[] | undefined> = true;
export const result: Same<Awaited<ReturnType<typeof rows>>, Page<Row>> = true;

const ofRoom = live.stream(
	(_ctx, room: string) => room,
	(ctx, _room) => load(ctx)
);
export const pagedOfRoom: Same<ReturnType<Stub<typeof ofRoom>>['current'], Row[] | undefined> =
	true;

/** Where a value is replaced as a whole, it may look like a page and is none. */
const whole = live.stream('whole', load, { merge: 'set' });
export const notPaged: Same<Stub<typeof whole>['current'], Page<Row> | undefined> = true;

/** What a page of this build gets is the present shape, whatever older ones are given. */
const versioned = live.stream('rows', load, {
	version: 3,
	migrate: { 2: ({ id }: Row) => ({ key: id }), 1: ({ key }) => [key] }
});
export const present: Same<Stub<typeof versioned>['current'], Row[] | undefined> = true;
// @ts-expect-error a version is a number
live.stream('rows', load, { version: '3' });
// @ts-expect-error a step is a function
live.stream('rows', load, { version: 2, migrate: { 1: 'text' } });
// @ts-expect-error a step stands under its version
live.stream('rows', load, { version: 2, migrate: { first: (item: Row) => item } });

import { expect, test } from 'vitest';
import {
	definePlugin,
	deny,
	live,
	LiveError,
	type LiveContext,
	type Page,
	type Plugin
} from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { settle, type ReceivedFrame } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

interface Row {
	readonly id: number;
}

const rows = (...ids: number[]): Row[] => ids.map((id) => ({ id }));

/** A table of rows 1 to `count`, and a loader that gives two of them behind the cursor. */
function table(count: number) {
	const all = rows(...Array.from({ length: count }, (_, at) => at + 1));
	const load = ({ cursor }: Pick<LiveContext, 'cursor'>): Page<Row> => {
		if (cursor !== null && typeof cursor !== 'number') throw new LiveError('VALIDATION');
		const rest = all.filter(({ id }) => id > (cursor ?? 0));
		const data = rest.slice(0, 2);
		return { data, hasMore: rest.length > 2, cursor: data.at(-1)?.id };
	};
	return { all, load };
}

async function following(exports: Record<string, unknown>, plugins: readonly Plugin[] = []) {
	const kernel = await startKernel([...single(), ...plugins] as ReturnType<typeof single>, {
		limits: { calls: 2 }
	});
	kernel.use('rpc').mount({ test: exports });
	return { kernel, ada: await kernel.connect() };
}

const ask = (id: number, name: string, more: object = {}): object => ({
	type: 'stream',
	id,
	path: `test/${name}`,
	...more
});
const more = (id: number, stream: number, cursor: unknown): object => ({
	type: 'stream:more',
	id,
	stream,
	cursor
});
const failure = (id: number | null, code: string): object =>
	expect.objectContaining({ type: 'reply', id, error: expect.objectContaining({ code }) });
const last = (frames: readonly ReceivedFrame[]): ReceivedFrame => frames.at(-1)!;

test('a loader that returns a page gives its items, and says whether and where it goes on', async () => {
	const { load } = table(3);
	const { ada } = await following({ list: live.stream('list', load, { max: 1 }) });

	await ada.send(ask(1, 'list'));
	await settle();
	await ada.send(more(2, 1, 2));
	await settle();

	expect(ada.received.slice(-2)).toEqual([
		expect.objectContaining({
			type: 'stream:snapshot',
			data: rows(1, 2),
			hasMore: true,
			cursor: 2,
			pages: 1,
			// A cut list would have a hole before its next page.
			max: 0
		}),
		{
			type: 'stream:page',
			id: 2,
			data: rows(3),
			hasMore: false,
			cursor: 3,
			place: 'after',
			epoch: expect.any(String),
			seq: 0
		}
	]);
});

test.each([
	[{}, 'after'],
	[{ prepend: true }, 'after'],
	[{ merge: 'latest' }, 'before'],
	[{ merge: 'latest', prepend: true }, 'after'],
	[{ merge: 'latest', place: 'after' }, 'after'],
	[{ place: 'before' }, 'before']
] as const)('a stream with %j puts its next page %s', async (options, place) => {
	const { load } = table(3);
	const { ada } = await following({ list: live.stream('list', load, options) });
	await ada.send(ask(1, 'list'));
	await settle();

	await ada.send(more(2, 1, 2));
	await settle();

	expect(last(ada.received)).toMatchObject({ type: 'stream:page', place });
});

test('what is published while a page is read comes with it, and its position is the one before', async () => {
	const { load } = table(4);
	let going: (() => void) | undefined;
	const list = live.stream('list', async (ctx) => {
		if (ctx.cursor !== null) await new Promise<void>((resolve) => (going = resolve));
		return load(ctx);
	});
	const { kernel, ada } = await following({ list });
	await ada.send(ask(1, 'list'));
	await settle();
	void kernel.publish('list', 'created', { id: 9 });

	await ada.send(more(2, 1, 2));
	void kernel.publish('list', 'deleted', { id: 3 });
	going!();
	await settle();

	expect(last(ada.received)).toMatchObject({
		type: 'stream:page',
		seq: 1,
		events: [{ event: 'deleted', data: { id: 3 }, seq: 2 }]
	});
});

test('a client that lost its place gets as many pages as it had, in one answer', async () => {
	const { load } = table(9);
	const { kernel, ada } = await following({
		list: live.stream('list', load),
		feed: live.stream('feed', load, { place: 'before' })
	});
	const since = { epoch: 'another', seq: 3 };

	await ada.send(ask(1, 'list', { since, pages: 3 }), ask(2, 'feed', { since, pages: 2 }));
	await settle();
	await kernel.clock.advance(2000);
	await settle();

	expect(ada.received.slice(-2)).toEqual([
		expect.objectContaining({ id: 1, data: rows(1, 2, 3, 4, 5, 6), cursor: 6, pages: 3 }),
		expect.objectContaining({ id: 2, data: rows(3, 4, 1, 2), cursor: 4, pages: 2 })
	]);
});

test('no client has more than 20 pages loaded at once, and none fewer than one', async () => {
	const { load } = table(99);
	const { ada } = await following({ list: live.stream('list', load) });

	for (const [at, pages] of [1e9, -1, 0.5, 'x'].entries()) {
		await ada.send(ask(at + 1, 'list', { pages }));
	}
	await settle();

	expect(ada.received.slice(-4).map((frame) => frame['pages'])).toEqual([20, 1, 1, 1]);
});

test('a client that is only told what it missed keeps its whole list', async () => {
	const { load } = table(4);
	const { kernel, ada } = await following({ list: live.stream('list', load, { max: 1 }) });
	await ada.send(ask(1, 'list'));
	await settle();
	const { epoch } = last(ada.received);
	void kernel.publish('list', 'created', { id: 9 });

	await ada.send(ask(2, 'list', { since: { epoch, seq: 0 }, pages: 2 }));
	await settle();

	expect(last(ada.received)).toMatchObject({ type: 'stream:recovered', max: 0 });
});

test('a page is authorised anew, and refused without ending the stream', async () => {
	const { load } = table(4);
	let isOpen = true;
	const gate = definePlugin({
		name: 'gate',
		setup: ({ hook }) => void hook('subscribe', () => (isOpen ? undefined : deny('FORBIDDEN')))
	});
	const { kernel, ada } = await following({ list: live.stream('list', load) }, [gate]);
	await ada.send(ask(1, 'list'));
	await settle();

	isOpen = false;
	await ada.send(more(2, 1, 2));
	await settle();
	expect(last(ada.received)).toEqual(failure(2, 'FORBIDDEN'));
	void kernel.publish('list', 'created', { id: 9 });
	await settle();

	expect(last(ada.received)).toMatchObject({ type: 'event', data: { id: 9 } });
});

test('a cursor is whatever the client says, for the loader to check', async () => {
	const { load } = table(4);
	const { ada } = await following({ list: live.stream('list', load) });
	await ada.send(ask(1, 'list'));
	await settle();

	await ada.send(more(2, 1, { $gt: '' }));
	await settle();

	expect(last(ada.received)).toEqual(failure(2, 'VALIDATION'));
});

test('a page of what is not followed, or has none, is refused', async () => {
	const { load } = table(4);
	const { ada } = await following({
		list: live.stream('list', load),
		one: live.stream('one', () => 1, { merge: 'set' }),
		log: live.stream('log', null, { merge: 'latest' })
	});
	await ada.send(ask(1, 'one'), ask(2, 'log'), ask(3, 'list'), { type: 'stream:end', id: 3 });
	await settle();

	for (const [at, stream] of [1, 2, 3, 99, '__proto__', null].entries()) {
		await ada.send({ ...more(10 + at, 0, 2), stream });
	}
	await ada.send({ type: 'stream:more', stream: 1 });
	await settle();

	expect(ada.received.slice(-7)).toEqual(
		expect.arrayContaining([
			...[10, 11, 12, 13, 14, 15].map((id) => failure(id, 'INVALID_REQUEST')),
			failure(null, 'INVALID_REQUEST')
		])
	);
});

test('loading pages counts against the limit of what a connection may have running', async () => {
	const { load } = table(4);
	const never = new Promise<void>(() => {});
	const list = live.stream('list', async (ctx) => {
		if (ctx.cursor !== null) await never;
		return load(ctx);
	});
	const { ada } = await following({ list });
	await ada.send(ask(1, 'list'));
	await settle();

	await ada.send(more(2, 1, 2), more(3, 1, 2), more(4, 1, 2));
	await settle();

	expect(last(ada.received)).toEqual(failure(4, 'RATE_LIMITED'));
});

test.each([undefined, null, new Date(0), 1n])(
	'a page that goes on at %s is reported, and is the last one',
	async (cursor) => {
		const list = live.stream('list', () => ({ data: rows(1), hasMore: true, cursor }));
		const { kernel, ada } = await following({ list });

		await ada.send(ask(1, 'list'));
		await settle();

		expect(last(ada.received)).toMatchObject({ data: rows(1), hasMore: false });
		expect(takeErrors(kernel)).toEqual(['streams RT_OPTION_INVALID']);
	}
);

test('a value that only looks like a page is left as it is where it is replaced as a whole', async () => {
	const value = { data: [1], hasMore: true };
	const { ada } = await following({ one: live.stream('one', () => value, { merge: 'set' }) });

	await ada.send(ask(1, 'one'));
	await settle();

	expect(last(ada.received)['data']).toEqual(value);
	expect(last(ada.received)).not.toHaveProperty('hasMore');
});

test('a list with pages has no version, so that it is never brought up to date by a diff', async () => {
	const { load } = table(4);
	const delta = { version: () => 1, diff: () => rows(4) };
	const { ada } = await following({ list: live.stream('list', load, { delta }) });

	await ada.send(ask(1, 'list'));
	await settle();

	expect(last(ada.received)).not.toHaveProperty('version');
});

test('a page that is rendered knows how its list goes on', async () => {
	const { load } = table(4);
	const { kernel } = await following({ list: live.stream('list', load, { max: 1 }) });
	const request = { url: '/', headers: {}, ip: '127.0.0.1', origin: 'http://localhost' };

	const seed = await kernel.use('streams').load('test/list', [], request);

	expect(seed).toMatchObject({ value: rows(1, 2), hasMore: true, cursor: 2, pages: 1, max: 0 });
});

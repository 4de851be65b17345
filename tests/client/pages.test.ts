import type { StreamStore } from 'svelte-realtime/client';
import { expect, test } from 'vitest';
import {
	bench,
	event,
	outcome,
	settle,
	snapshot,
	type Bench,
	type FakeSocket
} from './fake-server.ts';

type Paged = Bench & {
	socket: FakeSocket;
	stream: StreamStore<unknown>;
	/** The ids that the list shows. */
	ids(): unknown[];
};

const items = (...ids: unknown[]): { id: unknown }[] => ids.map((id) => ({ id }));

/** A client that follows a list of which the first page is there, at position 5. */
async function paged(first: unknown[], more: object = {}): Promise<Paged> {
	const all = bench();
	const stream = all.client.stream('s');
	stream.subscribe(() => {});
	const socket = await all.open();
	const paging = { hasMore: true, cursor: 'c1', pages: 1, ...more };
	socket.deliver(snapshot(1, items(...first), 5, paging));
	const ids = (): unknown[] => (stream.current as { id: unknown }[]).map(({ id }) => id);
	return { ...all, socket, stream, ids };
}

/** The answer to the latest question for a page. */
function page(socket: FakeSocket, ids: unknown[], more: object = {}): object {
	const { id } = socket.of('stream:more').at(-1)!;
	const place = { place: 'after', hasMore: false };
	return { type: 'stream:page', id, data: items(...ids), epoch: 'e', seq: 5, ...place, ...more };
}

test('a page is asked for by its cursor, and its items follow those of the page before', async () => {
	const { socket, stream, ids } = await paged([1, 2]);
	expect(stream.hasMore).toBe(true);

	const loading = stream.loadMore();
	await settle();
	expect(socket.of('stream:more')).toEqual([
		{ type: 'stream:more', id: 2, stream: 1, cursor: 'c1' }
	]);
	socket.deliver(page(socket, [3, 4], { hasMore: true, cursor: 'c2' }));

	expect(await loading).toBe(true);
	expect(ids()).toEqual([1, 2, 3, 4]);
	expect(stream.hasMore).toBe(true);
	void stream.loadMore();
	await settle();
	expect(socket.of('stream:more').at(-1)).toMatchObject({ cursor: 'c2' });
});

test.each([0, '', false])('%j is a cursor like any other', async (cursor) => {
	const { socket, stream } = await paged([1], { cursor });

	void stream.loadMore();
	await settle();

	expect(socket.of('stream:more')).toMatchObject([{ cursor }]);
});

test('behind the last page, and before the first, there is nothing to load', async () => {
	const { client, socket, stream } = await paged([1], { hasMore: false });

	expect(stream.hasMore).toBe(false);
	expect(await stream.loadMore()).toBe(false);
	expect(await client.stream('other').loadMore()).toBe(false);
	expect(socket.of('stream:more')).toEqual([]);
});

test('who asks for a page while one is being loaded gets that one', async () => {
	const { socket, stream, ids } = await paged([1]);

	const both = Promise.all([stream.loadMore(), stream.loadMore()]);
	await settle();
	socket.deliver(page(socket, [2]));

	expect(await both).toEqual([true, true]);
	expect(socket.of('stream:more')).toHaveLength(1);
	expect(ids()).toEqual([1, 2]);
});

test.each([
	['last, and the page after', { prepend: false }, 'after', [1, 2, 3, 4, 9]],
	['last, and the page before', { prepend: false }, 'before', [3, 4, 1, 2, 9]],
	['first, and the page after', { prepend: true }, 'after', [9, 1, 2, 3, 4]],
	['first, and the page before', { prepend: true }, 'before', [9, 3, 4, 1, 2]]
])('where new items go %s the pages, it stands next to them', async (_, order, place, shown) => {
	const { socket, stream, ids } = await paged([1, 2], order);
	socket.deliver(event('created', { id: 9 }, 6));

	const loading = stream.loadMore();
	await settle();
	socket.deliver(page(socket, [3, 4], { place, seq: 6 }));

	await loading;
	expect(ids()).toEqual(shown);
});

test('an item that the list has already does not show twice, nor as it was before', async () => {
	const { socket, stream } = await paged([1, 2]);
	socket.deliver(event('created', { id: 3, text: 'new' }, 6));

	const loading = stream.loadMore();
	await settle();
	socket.deliver({ ...page(socket, []), data: [{ id: 2 }, { id: 3, text: 'old' }, { id: 4 }] });

	await loading;
	expect(stream.current).toEqual([{ id: 1 }, { id: 2 }, { id: 4 }, { id: 3, text: 'new' }]);
});

test('what has happened since a page was read is not undone by it', async () => {
	const { socket, stream } = await paged([1]);

	const loading = stream.loadMore();
	await settle();
	const happened = [
		event('deleted', { id: 2 }, 6),
		event('updated', { id: 3, text: 'new' }, 7),
		event('created', { id: 9 }, 8)
	];
	socket.deliver(...happened);
	socket.deliver(page(socket, [2, 3, 4], { events: happened }));

	await loading;
	expect(stream.current).toEqual([{ id: 1 }, { id: 3, text: 'new' }, { id: 4 }, { id: 9 }]);
});

test('events reach the items of later pages', async () => {
	const { socket, stream } = await paged([1]);
	const loading = stream.loadMore();
	await settle();
	socket.deliver(page(socket, [2, 3]));
	await loading;

	socket.deliver(event('deleted', { id: 2 }, 6), event('updated', { id: 3, done: true }, 7));

	expect(stream.current).toEqual([{ id: 1 }, { id: 3, done: true }]);
});

test('a page that is refused says why, and may be asked for again', async () => {
	const { socket, stream, ids } = await paged([1]);

	const refused = stream.loadMore().catch((error: { code: string }) => error.code);
	await settle();
	const error = { code: 'FORBIDDEN', message: 'No.' };
	socket.deliver({ type: 'reply', id: socket.of('stream:more').at(-1)!.id, error });
	expect(await refused).toBe('FORBIDDEN');
	expect(stream.error).toBeUndefined();

	const again = stream.loadMore();
	await settle();
	socket.deliver(page(socket, [2]));
	expect(await again).toBe(true);
	expect(ids()).toEqual([1, 2]);
});

test('a page that does not come in time fails', async () => {
	const { clock, stream } = await paged([1]);

	const loading = stream.loadMore();
	loading.catch(() => {});
	await settle();
	await clock.advance(30_000);

	expect(await outcome(loading)).toBe('TIMEOUT');
});

test('pages survive a lost connection, and a page on its way is asked for again', async () => {
	const { clock, open, socket, sockets, stream, ids } = await paged([1]);
	const first = stream.loadMore();
	await settle();
	socket.deliver(page(socket, [2], { hasMore: true, cursor: 'c2' }));
	await first;

	const second = stream.loadMore();
	await settle();
	socket.end();
	await clock.advance(1000);
	await open();
	const back = sockets.at(-1)!;
	const { id } = back.of('stream')[0]!;
	expect(back.of('stream')).toMatchObject([{ since: { epoch: 'e', seq: 5 }, pages: 2 }]);
	expect(back.of('stream:more')).toEqual([]);
	const events = [event('deleted', { id: 2 }, 6)];
	back.deliver({ ...snapshot(id, undefined, 5, { events }), type: 'stream:recovered' });
	await settle();
	expect(back.of('stream:more')).toMatchObject([{ stream: id, cursor: 'c2' }]);
	back.deliver(page(back, [3], { seq: 6 }));

	expect(await second).toBe(true);
	expect(ids()).toEqual([1, 3]);
	expect(stream.hasMore).toBe(false);
});

test('a page for the stream as it was asked for before is not taken', async () => {
	const { socket, stream, ids } = await paged([1]);
	const loading = stream.loadMore();
	await settle();

	// An event is missing, so that the stream is asked for again.
	socket.deliver(event('created', { id: 9 }, 8));
	socket.deliver(page(socket, [2]));
	await settle();
	expect(ids()).toEqual([1]);
	const { id } = socket.of('stream').at(-1)!;
	socket.deliver(snapshot(id, items(5), 8, { hasMore: true, cursor: 'other', pages: 1 }));
	await settle();

	expect(socket.of('stream:more').at(-1)).toMatchObject({ stream: id, cursor: 'other' });
	socket.deliver(page(socket, [6], { seq: 8 }));
	expect(await loading).toBe(true);
	expect(ids()).toEqual([5, 6]);
});

test('a stream that ends while a page is loaded has no page', async () => {
	const { stream } = await paged([1]);

	const loading = stream.loadMore();
	await settle();
	stream.close();

	expect(await loading).toBe(false);
});

test('a page goes on from what the server rendered', async () => {
	const { client, open } = bench();
	const merge = { merge: 'crud', key: 'id', prepend: false, max: 0 } as const;
	const position = { epoch: 'e', seq: 5 };
	const seed = { path: 's', args: [], value: items(1), topic: 't', position, ...merge };
	const stream = client.stream('s').hydrate({ ...seed, hasMore: true, cursor: 'c1', pages: 1 });
	expect(stream.hasMore).toBe(true);

	stream.subscribe(() => {});
	const loading = stream.loadMore();
	const socket = await open();
	socket.deliver({ ...snapshot(1, undefined, 5, { events: [] }), type: 'stream:recovered' });
	await settle();
	socket.deliver(page(socket, [2]));

	expect(await loading).toBe(true);
	expect(stream.current).toEqual(items(1, 2));
});

test('what is shown before the server has it stays in its place when a page comes', async () => {
	const { socket, stream, ids } = await paged([1, 2]);
	const operation = stream.optimistic('created', { id: 'mine' });
	stream.optimistic('deleted', { id: 2 });
	expect(ids()).toEqual([1, 'mine']);

	const loading = stream.loadMore();
	await settle();
	socket.deliver(page(socket, [3, 4]));

	await loading;
	expect(ids()).toEqual([1, 3, 4, 'mine']);
	operation.rollback();
	expect(ids()).toEqual([1, 3, 4]);
});

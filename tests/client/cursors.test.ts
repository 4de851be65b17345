import { afterEach, expect, test, vi } from 'vitest';
import { smooth, type Cursor, type CursorsStore } from 'svelte-realtime/client';
import { readable, writable, type Readable } from 'svelte/store';
import { bench, settle, type FakeSocket } from './fake-server.ts';

type Cursors = CursorsStore<Cursor[], unknown>;

const CURSORS = { topic: '__cursors:t', merge: 'cursor', key: 'key', prepend: false, max: 0 };
const snapshot = (id: number, data: unknown): object => ({
	type: 'stream:snapshot',
	id,
	data,
	epoch: '',
	seq: 0,
	...CURSORS
});
const event = (name: string, data: unknown): object => ({
	type: 'event',
	topic: '__cursors:t',
	event: name,
	data
});
const moves = (socket: FakeSocket): unknown[] =>
	socket.of('cursors:move').map(({ id, ...frame }) => [id, (frame as { data?: unknown }).data]);

/** A client that follows the cursors of `c`, in which `a` is at 1. Its own key is `c1`. */
async function following() {
	const all = bench();
	const cursors = all.client.cursors<Cursors>('c');
	const values: unknown[] = [];
	const leave = cursors.subscribe((value) => void values.push(value));
	const socket = await all.open();
	socket.deliver(snapshot(1, [{ key: 'a', data: 1 }]));
	await settle();
	return { ...all, cursors, values, leave, socket };
}

test('the cursors are a list that events change: the newest of a key, and those that go', async () => {
	const { socket, cursors, values } = await following();

	socket.deliver(event('update', { key: 'b', data: 1 }));
	socket.deliver(
		event('update', [
			{ key: 'a', data: 2 },
			{ key: 'd', data: 3 }
		])
	);
	await settle();
	socket.deliver(event('remove', 'b'));
	socket.deliver(event('remove', ['d', 'nobody']));
	await settle();

	expect(values).toEqual([
		undefined,
		[{ key: 'a', data: 1 }],
		[
			{ key: 'a', data: 2 },
			{ key: 'b', data: 1 },
			{ key: 'd', data: 3 }
		],
		[{ key: 'a', data: 2 }]
	]);
	expect(cursors.ready).toBe(true);
});

test('the page’s own cursor is not among them, nor one of a connection that it has lost', async () => {
	const { socket, cursors, clock, sockets } = await following();
	socket.deliver(event('update', { key: 'c1', data: 9 }));
	await settle();
	expect(cursors.current).toEqual([{ key: 'a', data: 1 }]);
	expect(cursors.key).toBe('c1');

	socket.end();
	await clock.advance(60_000);
	const again = sockets.at(-1)!;
	again.deliver({ type: 'welcome', protocol: 1, connection: 'c2', limits: {} });
	await settle();
	again.deliver(
		snapshot(2, [
			{ key: 'c1', data: 9 },
			{ key: 'b', data: 1 },
			{ key: 'c2', data: 9 }
		])
	);
	await settle();

	expect(cursors.current).toEqual([{ key: 'b', data: 1 }]);
	expect(cursors.key).toBe('c2');
});

test('what only moves the own cursor tells nobody', async () => {
	const { socket, values } = await following();
	socket.deliver(event('update', { key: 'c1', data: 9 }));
	await settle();
	const [, first] = values;
	socket.deliver(event('update', { key: 'b', data: 1 }));
	await settle();

	expect(first).toEqual([{ key: 'a', data: 1 }]);
	expect(values.at(-1)).toEqual([
		{ key: 'a', data: 1 },
		{ key: 'b', data: 1 }
	]);
});

test('a move leaves at once, and the newest of those that follow with the next frame', async () => {
	const { socket, cursors, clock } = await following();

	cursors.move({ x: 1 });
	cursors.move({ x: 2 });
	cursors.move({ x: 3 });
	await settle();
	expect(moves(socket)).toEqual([[1, { x: 1 }]]);
	await clock.advance(16);
	await clock.advance(160);

	expect(moves(socket)).toEqual([
		[1, { x: 1 }],
		[1, { x: 3 }]
	]);
});

test('a cursor that is hidden does not wait, and does not come back', async () => {
	const { socket, cursors, clock } = await following();

	const hidden = [
		[1, 1],
		[1, undefined]
	];

	cursors.move(1);
	cursors.move(2);
	cursors.move(null);
	await settle();
	expect(moves(socket)).toEqual(hidden);
	await clock.advance(160);

	expect(moves(socket)).toEqual(hidden);
});

test('a move before the stream is there leaves when it is', async () => {
	const { client, open } = bench();
	const cursors = client.cursors<Cursors>('c');
	cursors.subscribe(() => {});
	cursors.move(1);
	const socket = await open();
	cursors.move(2);
	await settle();
	expect(moves(socket)).toEqual([]);

	socket.deliver(snapshot(1, []));
	await settle();

	expect(moves(socket)).toEqual([[1, 2]]);
});

test('after a new connection the last position is sent again, unless it was hidden', async () => {
	const { socket, cursors, clock, sockets } = await following();
	cursors.move(1);
	await clock.advance(16);
	const reconnect = async (id: number): Promise<FakeSocket> => {
		sockets.at(-1)!.end();
		await clock.advance(60_000);
		sockets.at(-1)!.welcome();
		await settle();
		sockets.at(-1)!.deliver(snapshot(id, []));
		await settle();
		return sockets.at(-1)!;
	};
	expect(moves(socket)).toEqual([[1, 1]]);

	expect(moves(await reconnect(2))).toEqual([[2, 1]]);
	cursors.move(null);
	await clock.advance(16);
	expect(moves(await reconnect(3))).toEqual([]);
});

test('nothing is sent while nobody reads the stream', async () => {
	const { socket, cursors, leave, clock } = await following();
	leave();
	await settle();

	cursors.move(1);
	await clock.advance(160);
	expect(moves(socket)).toEqual([]);
	cursors.subscribe(() => {});
	await settle();
	socket.deliver(snapshot(2, []));
	await settle();

	expect(moves(socket)).toEqual([]);
});

test('stores of the same arguments are one while it is in use, and move one cursor', async () => {
	const { client, open, clock } = bench();
	const board = client.cursors('c') as never as (name: string) => Cursors;
	board('x').subscribe(() => {});
	const socket = await open();
	socket.deliver(snapshot(1, []));
	await settle();

	expect(board('x')).toBe(board('x'));
	board('x').move(1);
	board('x').move(2);
	await clock.advance(16);

	expect(moves(socket)).toEqual([
		[1, 1],
		[1, 2]
	]);
});

test('why a move was refused is the error of the store until the next move', async () => {
	const { socket, cursors } = await following();
	cursors.move(1);
	await settle();

	const error = { code: 'VALIDATION', message: 'The input is not valid.' };
	socket.deliver({ type: 'cursors:refused', id: 1, error });
	await settle();
	expect(cursors.error).toMatchObject(error);
	expect(cursors.current).toEqual([{ key: 'a', data: 1 }]);
	cursors.move(2);

	expect(cursors.error).toBeUndefined();
});

test.each<[string, () => unknown]>([
	['larger than a message', () => 'x'.repeat(20_000)],
	[
		'not JSON',
		() => {
			const circle: unknown[] = [];
			circle.push(circle);
			return circle;
		}
	]
])('a move that is %s is not sent, and the store says so', async (_what, make) => {
	const { socket, cursors } = await following();

	cursors.move(make());
	await settle();

	expect(moves(socket)).toEqual([]);
	expect(cursors.error?.code).toMatch(/PAYLOAD_TOO_LARGE|INVALID_REQUEST/);
});

test('what the server rendered is shown until the stream is there', async () => {
	const { client, open } = bench();
	const stub = client.cursors('c') as unknown as { hydrate(seed: object): Cursors };
	const seed = { path: 'c', args: [], value: [{ key: 'a', data: 1 }], position: undefined };
	const cursors = stub.hydrate({ ...seed, ...CURSORS });
	cursors.subscribe(() => {});
	expect(cursors.current).toEqual([{ key: 'a', data: 1 }]);

	const socket = await open();
	socket.deliver(snapshot(1, []));
	await settle();
	cursors.move(1);
	await settle();

	expect(cursors.current).toEqual([]);
	expect(moves(socket)).toEqual([[1, 1]]);
});

// --- smooth ---

/** Animation frames by hand. */
function frames() {
	let tasks = new Map<number, (time: number) => void>();
	let count = 0;
	vi.stubGlobal('requestAnimationFrame', (task: (time: number) => void) => {
		tasks.set((count += 1), task);
		return count;
	});
	vi.stubGlobal('cancelAnimationFrame', (id: number) => tasks.delete(id));
	return {
		get waiting() {
			return tasks.size;
		},
		run(time: number) {
			const due = tasks;
			tasks = new Map();
			for (const task of due.values()) task(time);
		}
	};
}

afterEach(() => void vi.unstubAllGlobals());

/** What a smooth store shows of the data of its first cursor, as it changes. */
function shown(source: Readable<Cursor[] | undefined>) {
	const values: unknown[] = [];
	const leave = smooth(source, { duration: 100 }).subscribe(
		(list) => void values.push(list?.[0]?.data)
	);
	return { values, leave };
}

test('a smooth cursor goes where it has moved, frame by frame, and then rests', () => {
	const animation = frames();
	const source = writable<Cursor[]>([{ key: 'a', data: { x: 0, name: 'one' } }]);
	const { values } = shown(source);
	expect(animation.waiting).toBe(0);

	source.set([{ key: 'a', data: { x: 10, name: 'two' } }]);
	for (const time of [1000, 1050, 1100]) animation.run(time);

	expect(values.slice(-3)).toEqual([
		{ x: 0, name: 'two' },
		{ x: 5, name: 'two' },
		{ x: 10, name: 'two' }
	]);
	expect(animation.waiting).toBe(0);
});

test('a smooth cursor that moves again goes on from where it is shown', () => {
	const animation = frames();
	const source = writable<Cursor[]>([{ key: 'a', data: [0, 0] }]);
	const { values } = shown(source);

	source.set([{ key: 'a', data: [10, 0] }]);
	animation.run(1000);
	animation.run(1050);
	source.set([{ key: 'a', data: [5, 10] }]);
	animation.run(1100);
	animation.run(1150);

	expect(values.at(-1)).toEqual([5, 5]);
});

test('that another one moves changes nothing for a smooth cursor, on its way or at rest', () => {
	const animation = frames();
	const [still, gone] = [
		{ key: 'still', data: 0 },
		{ key: 'gone', data: 10 }
	];
	const source = writable<Cursor[]>([{ key: 'gone', data: 0 }, still]);
	const lists: (readonly Cursor[] | undefined)[] = [];
	smooth(source, { duration: 100 }).subscribe((list) => void lists.push(list));

	source.set([gone, still]);
	animation.run(1000);
	animation.run(1050);
	source.set([gone, still, { key: 'new', data: 1 }]);
	animation.run(1075);

	expect(lists.at(-1)?.map(({ data }) => data)).toEqual([7.5, 0, 1]);
	expect(lists.at(-1)?.[1]).toBe(still);
});

test('one that comes is where it is at once, one that goes is gone, and what has no way jumps', () => {
	const animation = frames();
	const source = writable<Cursor[]>([{ key: 'a', data: [0] }]);
	const lists: unknown[] = [];
	smooth(source).subscribe((list) => void lists.push(list));

	source.set([
		{ key: 'a', data: [1, 2] },
		{ key: 'b', data: 7 }
	]);
	animation.run(1000);
	source.set([{ key: 'b', data: null }]);
	animation.run(1001);

	expect(lists[2]).toEqual([
		{ key: 'a', data: [1, 2] },
		{ key: 'b', data: 7 }
	]);
	expect(lists.at(-1)).toEqual([{ key: 'b', data: null }]);
});

test('nobody who left is animated for', () => {
	const animation = frames();
	const source = writable<Cursor[]>([{ key: 'a', data: 0 }]);
	const { leave } = shown(source);
	source.set([{ key: 'a', data: 1 }]);
	expect(animation.waiting).toBe(1);

	leave();

	expect(animation.waiting).toBe(0);
});

test('where there are no animation frames a smooth cursor jumps', () => {
	const { values } = shown(
		readable<Cursor[] | undefined>(undefined, (set) => {
			set([{ key: 'a', data: 0 }]);
			set([{ key: 'a', data: 10 }]);
		})
	);

	expect(values.at(-1)).toBe(10);
});

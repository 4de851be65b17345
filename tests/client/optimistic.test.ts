import type { Operation, StreamStore } from 'svelte-realtime/client';
import { live, LiveError } from 'svelte-realtime';
import { describe, expect, test } from 'vitest';
import { createList } from '../../plugins/streams/merge/index.ts';
import { createOverlay } from '../../plugins/streams/overlay.ts';
import { arrive, bench, event, MERGE, settle, snapshot, type FakeSocket } from './fake-server.ts';
import { network } from './network.ts';

interface Item {
	readonly id: unknown;
	readonly text?: string;
}
type Items = StreamStore<Item[]>;

/** A client that follows the stream `s`, whose value is one item at position 5. */
async function following(): Promise<
	ReturnType<typeof bench> & { socket: FakeSocket; stream: Items; values: unknown[] }
> {
	const all = bench();
	const stream = all.client.stream<Items>('s');
	const values: unknown[] = [];
	stream.subscribe((value) => void values.push(value));
	const socket = await all.open();
	await arrive(socket, snapshot(1, [{ id: 1 }], 5));
	return { ...all, socket, stream, values };
}

const items = (...ids: unknown[]): Item[] => ids.map((id) => ({ id }));

/** The event with the operation that it is the outcome of. */
const confirming = (op: string, name: string, data: unknown, seq?: number): object => ({
	...event(name, data, seq),
	op
});

describe('stream.optimistic()', () => {
	test('shows a change at once, and without it once that is rolled back', async () => {
		const { stream, values, socket } = await following();
		const operation = stream.optimistic('created', { id: 'tmp' });
		expect(stream.current).toEqual(items(1, 'tmp'));
		await settle();
		operation.rollback();
		operation.rollback();
		await settle();

		expect(values.slice(1)).toEqual([items(1), items(1, 'tmp'), items(1)]);
		expect(socket.of('stream')).toHaveLength(1);
	});

	test('is laid over every later event, and rolled back without taking others away', async () => {
		const { stream, socket } = await following();
		const renamed = stream.optimistic('updated', { id: 1, text: 'mine' });
		const added = stream.optimistic('created', { id: 'tmp' });
		await arrive(socket, event('created', { id: 2 }, 6), event('updated', { id: 2, text: 'x' }, 7));
		const two = { id: 2, text: 'x' };
		expect(stream.current).toEqual([{ id: 1, text: 'mine' }, two, { id: 'tmp' }]);

		renamed.rollback();
		expect(stream.current).toEqual([{ id: 1 }, two, { id: 'tmp' }]);
		await arrive(socket, event('deleted', { id: 1 }, 8));
		added.rollback();
		expect(stream.current).toEqual([two]);
	});

	test('ends with the event for the same key, so that a client that chooses keys sees no double', async () => {
		const { stream, socket, values } = await following();
		stream.optimistic('created', { id: 'mine', text: 'a' });
		await settle();
		await arrive(socket, event('created', { id: 'mine', text: 'A' }, 6));
		await arrive(socket, event('updated', { id: 'mine', text: 'B' }, 7));

		expect(values.slice(2)).toEqual([
			[{ id: 1 }, { id: 'mine', text: 'a' }],
			[{ id: 1 }, { id: 'mine', text: 'A' }],
			[{ id: 1 }, { id: 'mine', text: 'B' }]
		]);
	});

	test('is shown until the answer holds it, where its event is the first of a new epoch', async () => {
		const { stream, socket, values } = await following();
		stream.optimistic('created', { id: 'mine' });
		await settle();

		// Not applied: whether anything is missing before it, the server is asked.
		await arrive(socket, { ...event('created', { id: 'mine' }, 6), epoch: 'f' });
		expect(stream.current).toEqual(items(1, 'mine'));
		const { id } = socket.of('stream').at(-1) as unknown as { id: number };
		await arrive(socket, { ...snapshot(id, items(1, 'mine'), 6), epoch: 'f' });

		expect(stream.current).toEqual(items(1, 'mine'));
		expect(values.slice(2)).not.toContainEqual(items(1));
		// It is over: what happens to the item next is seen.
		await arrive(socket, { ...event('deleted', { id: 'mine' }, 7) });
		expect(stream.current).toEqual(items(1));
	});

	test('what was shown never changes', async () => {
		const { stream, socket, values } = await following();
		const texts: string[] = [];
		stream.subscribe((value) => void texts.push(JSON.stringify(value)));
		const before = texts.length;
		const first = stream.optimistic('created', { id: 'a' });
		await arrive(socket, event('created', { id: 2 }, 6));
		stream.optimistic('deleted', { id: 2 });
		await arrive(socket, event('created', { id: 3 }, 7));
		first.rollback();
		await arrive(socket, event('created', { id: 4 }, 8));

		expect(values.slice(-(texts.length - before)).map((value) => JSON.stringify(value))).toEqual(
			texts.slice(before)
		);
	});

	test('a change that changes nothing hands nothing out that changes later', async () => {
		const { stream, socket } = await following();
		stream.optimistic('deleted', { id: 99 });
		const shown = [stream.current];
		for (const seq of [6, 7, 8]) {
			await arrive(socket, event('created', { id: seq }, seq));
			shown.push(stream.current);
		}

		expect(shown).toEqual([items(1), items(1, 6), items(1, 6, 7), items(1, 6, 7, 8)]);
	});

	test('on a single value the latest change shows, and the confirmed one under it', async () => {
		const { client, open } = bench();
		const stream = client.stream<StreamStore<number>>('s');
		stream.subscribe(() => {});
		const socket = await open();
		await arrive(socket, snapshot(1, 1, 5, { merge: 'set' }));
		const [two, three] = [stream.optimistic('set', 2), stream.optimistic('set', 3)];
		await arrive(socket, event('set', 10, 6));
		expect(stream.current).toBe(3);
		three.rollback();
		expect(stream.current).toBe(2);
		two.rollback();
		expect(stream.current).toBe(10);
	});

	test('before the value is there it waits for it', async () => {
		const { client, open } = bench();
		const stream = client.stream<Items>('s');
		stream.optimistic('created', { id: 'tmp' });
		expect(stream.current).toBeUndefined();
		const socket = await open();
		await arrive(socket, snapshot(1, [{ id: 1 }], 5));

		expect(stream.current).toEqual(items(1, 'tmp'));
	});

	test('keeps the stream followed until it is over', async () => {
		const { client, open } = bench();
		const stream = client.stream<Items>('s');
		const operation = stream.optimistic('created', { id: 'tmp' });
		const socket = await open();
		await arrive(socket, snapshot(1, [], 5));
		expect(socket.of('stream:end')).toEqual([]);
		operation.rollback();
		await settle();

		expect(socket.of('stream:end')).toHaveLength(1);
	});

	test('confirmed by hand, it ends with what the stream holds then', async () => {
		const { stream, socket } = await following();
		const operation = stream.optimistic('created', { id: 'tmp' });
		operation.confirm();
		await settle();
		expect(socket.of('stream')[1]).toMatchObject({ since: { seq: 5 } });
		expect(stream.current).toEqual(items(1, 'tmp'));
		const events = [{ event: 'created', data: { id: 42 }, seq: 6 }];
		await arrive(socket, { ...snapshot(2, undefined, 5), type: 'stream:recovered', events });

		expect(stream.current).toEqual(items(1, 42));
	});

	test('many confirmed in one tick ask once', async () => {
		const { stream, socket } = await following();
		const operations = [1, 2, 3].map((n) => stream.optimistic('created', { id: `tmp${n}` }));
		for (const operation of operations) operation.confirm();
		await settle();

		expect(socket.of('stream')).toHaveLength(2);
	});
});

describe('an event that carries the operation', () => {
	test('replaces a temporary key by the server’s, in one step', async () => {
		const { client, stream, socket, values } = await following();
		const add = client.call('add').optimistic(stream, 'created', (text) => {
			return { id: 'tmp', text: text as string };
		});
		const added = add('hello');
		await settle();
		const { op } = socket.of('rpc')[0] as unknown as { op: string };
		await arrive(socket, confirming(op, 'created', { id: 42, text: 'hello' }, 6));
		await arrive(socket, { type: 'reply', id: 2, data: 42 });

		expect(await added).toBe(42);
		expect(values.slice(2)).toEqual([
			[{ id: 1 }, { id: 'tmp', text: 'hello' }],
			[{ id: 1 }, { id: 42, text: 'hello' }]
		]);
		expect(socket.of('stream')).toHaveLength(1);
	});

	test('ends it only when the value has got there: a gap in between is closed first', async () => {
		const { client, stream, socket, values } = await following();
		void client.call('add').optimistic(stream, 'created', { id: 'tmp' })();
		await settle();
		const { op } = socket.of('rpc')[0] as unknown as { op: string };
		await arrive(socket, confirming(op, 'created', { id: 42 }, 8));
		expect(stream.current).toEqual(items(1, 'tmp'));
		const events = [
			{ event: 'created', data: { id: 6 }, seq: 6 },
			{ event: 'created', data: { id: 7 }, seq: 7 },
			{ event: 'created', data: { id: 42 }, seq: 8, op }
		];
		await arrive(socket, { ...snapshot(3, undefined, 5), type: 'stream:recovered', events });

		expect(values.slice(2)).toEqual([items(1, 'tmp'), items(1, 6, 7, 42)]);
	});

	test('is found in what was missed, and in what came while the value was loaded', async () => {
		for (const type of ['stream:recovered', 'stream:snapshot', 'stream:delta']) {
			const { client, clock, open, stream, socket } = await following();
			const call = client.call('add').optimistic(stream, 'created', { id: 'tmp' })();
			call.catch(() => {});
			await settle();
			const { op } = socket.of('rpc')[0] as unknown as { op: string };
			socket.end();
			await clock.advance(1000);
			const second = await open();
			const id = second.of('stream')[0]!.id;
			const events = [{ event: 'created', data: { id: 42 }, seq: 6, op }];
			await arrive(second, { ...snapshot(id, items(1), 5), type, version: 1, events });

			expect(stream.current, type).toEqual(items(1, 42));
		}
	});

	test('of somebody else ends nothing', async () => {
		const { client, stream, socket } = await following();
		void client.call('add').optimistic(stream, 'created', { id: 'tmp' })();
		await arrive(socket, confirming('another', 'created', { id: 2 }, 6));
		await arrive(socket, confirming('another', 'updated', { id: 'tmp' }, 7));

		expect(stream.current).toEqual(items(1, 2, 'tmp'));
	});

	test('without a number ends it as well', async () => {
		const { client, stream, socket } = await following();
		void client.call('add').optimistic(stream, 'created', { id: 'tmp' })();
		await settle();
		const { op } = socket.of('rpc')[0] as unknown as { op: string };
		await arrive(socket, confirming(op, 'created', { id: 2 }));

		expect(stream.current).toEqual(items(1, 2));
	});
});

describe('call.optimistic()', () => {
	test('rolls back when the call fails, and the caller hears why', async () => {
		const { client, stream, socket } = await following();
		const add = client.call('add').optimistic(stream, 'created', { id: 'tmp' });
		const failing = add();
		await settle();
		expect(stream.current).toEqual(items(1, 'tmp'));
		const error = { code: 'FORBIDDEN', message: 'No.' };
		await arrive(socket, { type: 'reply', id: 2, error });

		await expect(failing).rejects.toMatchObject({ code: 'FORBIDDEN' });
		expect(stream.current).toEqual(items(1));
	});

	test('where no event comes of it, ends with an answer that was asked for after the call', async () => {
		const { client, stream, socket, values } = await following();
		void client.call('add').optimistic(stream, 'created', { id: 'tmp' })();
		await settle();
		await arrive(socket, { type: 'reply', id: 2 });
		expect(stream.current).toEqual(items(1, 'tmp'));
		expect(socket.of('stream')).toHaveLength(2);
		await arrive(socket, { ...snapshot(3, undefined, 5), type: 'stream:recovered', events: [] });

		expect(stream.current).toEqual(items(1));
		expect(values.slice(1)).toEqual([items(1), items(1, 'tmp'), items(1)]);
	});
});

test('the server writes the operation on whatever the function publishes, live and for later', async () => {
	const item = { id: 42 };
	const chat = {
		messages: live.stream('chat', () => items(1)),
		add: live(async (ctx, text: string) => {
			if (text === '') throw new LiveError('VALIDATION', 'Empty.');
			ctx.publish('chat', 'created', item);
			return 42;
		}),
		count: live.stream('count', () => 0, { merge: 'set' })
	};
	const net = await network({ chat });
	const client = net.client();
	const stream = client.stream<Items>('chat/messages');
	const values: unknown[] = [];
	stream.subscribe((value) => void values.push(value));
	await settle();
	const add = client.call('chat/add').optimistic(stream, 'created', { id: 'tmp' });

	expect(await add('x')).toBe(42);
	await settle();
	expect(values).toEqual([undefined, items(1), items(1, 'tmp'), items(1, 42)]);
	const op = /"op":"([^"]+)"/.exec(net.messages.find((text) => text.includes('rpc'))!)![1];
	const tail = await net.kernel.use('replay').follow('chat');
	expect(tail.last(1)).toMatchObject([{ event: 'created', op }]);
	tail.close();
	await expect(add('')).rejects.toMatchObject({ code: 'VALIDATION' });
	expect(stream.current).toEqual(items(1, 42));
	client.close();
});

test.each([1, '', 'x'.repeat(65), 'a\nb', null, {}])('the operation %j is refused', async (op) => {
	const { kernel, messages, client } = await network({ a: { b: live(() => 1) } });
	client();
	const socket = kernel.transport.socket();
	const connection = kernel.open(socket, {});
	const text = JSON.stringify({ type: 'rpc', id: 1, path: 'a/b', op });
	kernel.message(connection, text, text.length);
	await settle();

	expect(JSON.stringify(socket)).toContain('INVALID_REQUEST');
	expect(messages).toEqual([]);
});

test('one operation on a long list copies it once, and finds its item without going through it', () => {
	let reads = 0;
	const item = (id: number): object => ({
		get id() {
			reads += 1;
			return id;
		}
	});
	const list = createList(
		Array.from({ length: 10_000 }, (_, id) => item(id)),
		MERGE
	);
	list.find(0);
	reads = 0;
	const overlay = createOverlay();
	overlay.add({ event: 'updated', data: { id: 9000 } });
	overlay.add({ event: 'deleted', data: { id: 5000 } });
	const shown = overlay.over(list) as unknown[];

	expect(overlay.over(list)).toBe(shown);
	expect(shown).toHaveLength(9999);
	expect(list.read()).toHaveLength(10_000);
	expect(reads).toBeLessThan(50);
});

export type { Operation };

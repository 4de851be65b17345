import { live } from 'svelte-realtime';
import { createClient, type StreamStore, type WebSocketLike } from 'svelte-realtime/client';
import { single } from 'svelte-realtime/presets';
import { createTestKernel } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { arrive, bench, event, MERGE, settle, snapshot } from './fake-server.ts';

/** Everything a subscriber was called with. */
function watch<T>(store: StreamStore<T>): (T | undefined)[] {
	const values: (T | undefined)[] = [];
	store.subscribe((value) => void values.push(value));
	return values;
}

/** A client that follows the stream `s`, whose value is one item at position 5. */
async function following(more: object = {}) {
	const all = bench();
	const stream = all.client.stream('s');
	const values = watch(stream);
	const socket = await all.open();
	await arrive(socket, snapshot(1, [{ id: 1 }], 5, more));
	return { ...all, socket, stream, values };
}

/** The connection is lost and comes back. */
async function back({ socket, clock, open }: Awaited<ReturnType<typeof following>>) {
	socket.end();
	await clock.advance(3000);
	return open();
}

const delta = (id: number, more: object): object => ({
	type: 'stream:delta',
	id,
	topic: 't',
	...MERGE,
	...more
});

test('the version that came with the value goes back with its position, as it came', async () => {
	for (const version of [2, null, false, '', { a: [1] }]) {
		const context = await following({ version });
		const second = await back(context);

		expect(second.of('stream')[0]).toEqual({
			type: 'stream',
			id: 2,
			path: 's',
			since: { epoch: 'e', seq: 5 },
			version
		});
	}
});

test('a delta changes the value in one step, and the stream goes on from its position', async () => {
	const context = await following({ version: 1 });
	const { values, stream } = context;
	const second = await back(context);
	await arrive(
		second,
		delta(2, {
			epoch: 'new',
			seq: 2,
			version: 7,
			events: [
				{ event: 'created', data: { id: 1, text: 'changed' } },
				{ event: 'created', data: { id: 2 } },
				{ event: 'deleted', data: { id: 9 } },
				{ event: 'created', data: { id: 3 }, seq: 3 }
			]
		})
	);
	await arrive(second, event('created', { id: 4 }, 4));

	const changed = [{ id: 1, text: 'changed' }, { id: 2 }, { id: 3 }];
	expect(values.slice(2)).toEqual([changed, [...changed, { id: 4 }]]);
	expect(stream.position).toEqual({ epoch: 'new', seq: 4 });
	expect(stream.stale).toBe(false);
	const third = await back({ ...context, socket: second });
	expect(third.of('stream')[0]).toMatchObject({ since: { epoch: 'new', seq: 4 }, version: 7 });
});

test('a delta without changes calls nobody, and the stream is up to date', async () => {
	const context = await following({ version: 1 });
	const second = await back(context);
	expect(context.stream.stale).toBe(true);
	await arrive(second, delta(2, { epoch: 'new', seq: 0, version: 1, events: [] }));

	expect(context.values).toHaveLength(2);
	expect(context.stream.stale).toBe(false);
	expect(context.stream.position).toEqual({ epoch: 'new', seq: 0 });
});

test('a snapshot without a version forgets the one before', async () => {
	const context = await following({ version: 1 });
	const second = await back(context);
	await arrive(second, snapshot(2, [], 0, { epoch: 'new', reset: 'epoch' }));
	const third = await back({ ...context, socket: second });

	expect(third.of('stream')[0]).not.toHaveProperty('version');
});

test('what was recovered keeps the version of the value that it continues', async () => {
	const context = await following({ version: 1 });
	const second = await back(context);
	await arrive(second, { ...snapshot(2, undefined, 5), type: 'stream:recovered', events: [] });
	const third = await back({ ...context, socket: second });

	expect(third.of('stream')[0]).toMatchObject({ version: 1 });
});

test('the version of a page that was rendered goes with its position', async () => {
	const { client, open } = bench();
	const seed = { path: 's', args: [], topic: 't', value: [], ...MERGE, version: 3 };
	const position = { epoch: 'e', seq: 5 };
	watch(client.stream('s').hydrate({ ...seed, position } as never));
	const socket = await open();

	expect(socket.of('stream')[0]).toMatchObject({ since: position, version: 3 });
});

test('until the new value is there a stream that is reset shows the old one, and says it is stale', async () => {
	const context = await following();
	const { stream, values, clock } = context;
	const second = await back(context);
	await clock.advance(2000);
	expect(stream.current).toEqual([{ id: 1 }]);
	expect([stream.ready, stream.stale, stream.loading]).toEqual([true, true, false]);

	await arrive(second, snapshot(2, [{ id: 2 }], 0, { epoch: 'new', reset: 'epoch' }));

	expect(values).toEqual([undefined, [{ id: 1 }], [{ id: 2 }]]);
	expect(stream.stale).toBe(false);
});

// --- heads ---

const heads = (...all: object[]): object => ({ type: 'stream:heads', heads: all });

test('a head beyond the value makes the stream stale, and is asked about once', async () => {
	const { socket, stream, values } = await following();
	socket.deliver(
		heads({ topic: 't', epoch: 'e', seq: 6 }),
		heads({ topic: 't', epoch: 'e', seq: 8 })
	);
	await settle();

	expect(stream.stale).toBe(true);
	expect(values).toHaveLength(2);
	expect(socket.of('stream').slice(1)).toEqual([
		{ type: 'stream', id: 2, path: 's', since: { epoch: 'e', seq: 5 } }
	]);
});

test('a head of another epoch is asked about', async () => {
	const { socket } = await following();
	await arrive(socket, heads({ topic: 't', epoch: 'new', seq: 1 }));
	await settle();

	expect(socket.of('stream')).toHaveLength(2);
});

test('a head that the value has reached, and one of a topic that nobody follows, are ignored', async () => {
	const { socket, stream } = await following();
	socket.deliver(
		heads(
			{ topic: 't', epoch: 'e', seq: 5 },
			{ topic: 't', epoch: 'e', seq: 4 },
			{ topic: 'other', epoch: 'e', seq: 9 }
		)
	);
	await settle();

	expect(socket.of('stream')).toHaveLength(1);
	expect(stream.stale).toBe(false);
});

// --- many streams ---

test('500 streams resume in messages of at most 50 frames and the bytes that the server takes', async () => {
	const { client, clock, open } = bench();
	const room = client.stream('rooms/messages');
	for (let n = 0; n < 500; n += 1) watch(room(`${'x'.repeat(n % 50 === 0 ? 2000 : 200)}${n}`));
	const first = await open();
	first.of('stream').forEach(({ id }, n) => {
		first.deliver(snapshot(id, [], n, { topic: `t${n}`, version: 'v'.repeat(n % 100) }));
	});
	first.end();
	await clock.advance(1000);
	const second = await open();

	const since = second.of('stream').map((frame) => frame.since?.seq);
	expect(since).toEqual(Array.from({ length: 500 }, (_, n) => n));
	for (const text of second.messages) {
		expect(Buffer.byteLength(text)).toBeLessThanOrEqual(16_384);
		expect([].concat(JSON.parse(text) as never).length).toBeLessThanOrEqual(50);
	}
	expect(second.messages.length).toBeLessThan(20);
});

// --- with the real kernel ---

test('500 streams of the real kernel come back with what they missed, after a cut and after a restart', async () => {
	const rows = new Map<string, { id: number }[]>();
	const read = (name: string): { id: number }[] => rows.get(name) ?? [];
	const modules = {
		rooms: {
			messages: live.stream(
				(_ctx, name: string) => `room:${name}`,
				(_ctx, name) => [...read(name)]
			)
		}
	};
	const boot = async () => {
		const kernel = await createTestKernel(single());
		kernel.use('rpc').mount(modules);
		return kernel;
	};
	let kernel = await boot();
	const clock = kernel.clock;
	let cut!: () => void;
	class Wire implements WebSocketLike {
		onmessage: ((event: never) => void) | null = null;
		onclose: ((event: never) => void) | null = null;
		onerror: ((event: never) => void) | null = null;
		readonly #kernel = kernel;
		readonly #socket = kernel.transport.socket();
		readonly #connection;

		constructor() {
			this.#socket.send = (payload) => {
				queueMicrotask(() => this.onmessage?.({ data: payload } as never));
				return 'sent';
			};
			this.#connection = this.#kernel.open(this.#socket, {});
			this.#socket.onClose = (code, reason) => {
				this.#kernel.close(this.#connection, code, reason);
				this.onclose?.({ code, reason } as never);
			};
			cut = () => this.#socket.end(1006, '');
		}

		send(text: string): void {
			this.#kernel.message(this.#connection, text, Buffer.byteLength(text));
		}

		close(code = 1000): void {
			this.#socket.end(code, '');
		}
	}
	const client = createClient({ url: 'ws://test', WebSocket: Wire, clock });
	const stub = client.stream('rooms/messages');
	const streams = Array.from({ length: 500 }, (_, n) => stub(`${n}`));
	const seen = streams.map(watch);
	const write = (id: number): void => {
		for (let n = 0; n < 500; n += 1) {
			rows.set(`${n}`, [...read(`${n}`), { id }]);
			void kernel.publish(`room:${n}`, 'created', { id });
		}
	};
	await settle();

	write(1);
	await settle();
	cut();
	write(2);
	await clock.advance(2000);
	write(3);
	await settle();
	for (const values of seen) expect(values.at(-1)).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);

	cut();
	const errors = kernel.errors;
	kernel = await boot();
	write(4);
	for (let i = 0; i < 6; i += 1) {
		await clock.advance(1000);
		await kernel.clock.advance(1000);
	}
	await settle();
	write(5);
	await settle();
	const all = [1, 2, 3, 4, 5].map((id) => ({ id }));
	for (const values of seen) {
		expect(values.at(-1)).toEqual(all);
		expect(values.slice(1)).not.toContain(undefined);
	}
	expect(streams.map(({ stale }) => stale)).not.toContain(true);
	expect([...errors, ...kernel.errors]).toEqual([]);
	client.close();
});

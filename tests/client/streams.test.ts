import type { StreamStore } from 'svelte-realtime/client';
import { expect, test } from 'vitest';
import { arrive, bench, event, settle, snapshot, type FakeSocket } from './fake-server.ts';

/** Everything a subscriber was called with. */
function watch<T>(store: StreamStore<T>): { values: (T | undefined)[]; leave(): void } {
	const values: (T | undefined)[] = [];
	return { values, leave: store.subscribe((value) => void values.push(value)) };
}

/** A store's getters as a plain object; a stub is a function, which matchers do not look into. */
function look(store: StreamStore<unknown>): object {
	const { current, error, loading, ready, connected, stale, position } = store;
	return { current, error, loading, ready, connected, stale, position };
}

/** A client that follows the stream `s`, whose value is one item at position 5. */
async function following(): Promise<
	ReturnType<typeof bench> & { socket: FakeSocket; stream: StreamStore<unknown>; values: unknown[] }
> {
	const all = bench();
	const stream = all.client.stream('s');
	const { values } = watch(stream);
	const socket = await all.open();
	await arrive(socket, snapshot(1, [{ id: 1 }], 5));
	return { ...all, socket, stream, values };
}

test('a stream is undefined until it is loaded, and then goes on with its events', async () => {
	const { client, open } = bench();
	const stream = client.stream('s');
	const { values } = watch(stream);
	const socket = await open();
	expect(look(stream)).toMatchObject({
		loading: true,
		ready: false,
		connected: false,
		stale: false
	});

	await arrive(socket, snapshot(1, [{ id: 1 }], 5));
	await arrive(socket, event('created', { id: 2 }, 6), event('deleted', { id: 1 }, 7));

	expect(socket.frames).toEqual([{ type: 'stream', id: 1, path: 's' }]);
	expect(values).toEqual([undefined, [{ id: 1 }], [{ id: 2 }]]);
	expect(look(stream)).toMatchObject({
		loading: false,
		ready: true,
		connected: true,
		stale: false
	});
	expect(stream.position).toEqual({ epoch: 'e', seq: 7 });
});

test('the events in a snapshot are applied with the options beside it, in one step', async () => {
	const { client, open } = bench();
	const { values } = watch(client.stream('s'));
	const socket = await open();
	const events = [
		{ event: 'created', data: { key: 'b' }, seq: 6 },
		{ event: 'created', data: { key: 'c' }, seq: 7 }
	];
	await arrive(
		socket,
		snapshot(1, [{ key: 'a' }], 5, { events, key: 'key', prepend: true, max: 2 })
	);

	expect(values).toEqual([undefined, [{ key: 'c' }, { key: 'b' }]]);
});

test('everyone who reads the same stream shares one subscription', async () => {
	const { client, open } = bench();
	const room = client.stream('s');
	watch(room(1));
	watch(room(1));
	watch(room('1'));
	watch(room(new Date(1)));
	watch(room({ a: 1, b: 2 }));
	watch(room({ b: 2, a: 1 }));
	const socket = await open();
	while (socket.frames.length < 4) await settle();

	expect(socket.of('stream').map((frame) => frame.args)).toHaveLength(4);
});

test('a store with arguments is the same one while it is in use, and is not kept after', async () => {
	const { client, open } = bench();
	const room = client.stream('s');
	const store = room('a');
	const { leave } = watch(store);
	await open();
	expect(room('a')).toBe(store);

	leave();
	await settle();
	expect(room('a')).not.toBe(store);
});

test('two handles of one stream, made before either is used, show the same', async () => {
	const { client, open } = bench();
	const room = client.stream('s');
	const [one, other] = [watch(room('a')), watch(room('a'))];
	const socket = await open();
	await arrive(socket, snapshot(1, 'x', 1, { merge: 'set' }));

	expect([one.values, other.values]).toEqual([
		[undefined, 'x'],
		[undefined, 'x']
	]);
	expect(socket.frames).toHaveLength(1);
});

test('the stream ends a microtask after its last subscriber left, unless one comes back', async () => {
	const { socket, stream } = await following();
	const again = watch(stream);
	expect(socket.of('stream:end')).toEqual([]);
	again.leave();
	await settle();
	expect(socket.of('stream:end')).toEqual([]);

	const { client, open } = bench();
	const other = client.stream('s');
	const first = watch(other);
	const second = await open();
	first.leave();
	const back = watch(other);
	await settle();
	expect(second.of('stream:end')).toEqual([]);
	back.leave();
	await settle();
	expect(second.of('stream:end')).toEqual([{ type: 'stream:end', id: 1 }]);
});

test('events that are older than the value are dropped', async () => {
	const { socket, values } = await following();
	await arrive(socket, event('created', { id: 9 }, 5), event('created', { id: 9 }, 1));
	await settle();

	expect(values).toEqual([undefined, [{ id: 1 }]]);
	expect(socket.frames).toHaveLength(1);
});

test('a gap makes the stream stale and is asked about once', async () => {
	const { socket, stream, values } = await following();
	await arrive(socket, event('created', { id: 8 }, 8), event('created', { id: 9 }, 9));
	await settle();

	expect(look(stream)).toMatchObject({ stale: true, connected: true });
	expect(socket.frames.slice(1)).toEqual([
		{ type: 'stream', id: 2, path: 's', since: { epoch: 'e', seq: 5 } },
		{ type: 'stream:end', id: 1 }
	]);
	const events = [6, 7, 8, 9].map((seq) => ({ event: 'created', data: { id: seq }, seq }));
	await arrive(socket, { ...snapshot(2, undefined, 9), type: 'stream:recovered', events });
	expect(values.at(-1)).toEqual([1, 6, 7, 8, 9].map((id) => ({ id })));
	expect(values).toHaveLength(3);
	expect(look(stream)).toMatchObject({ stale: false, position: { epoch: 'e', seq: 9 } });
});

test('an answer to a question that is not the latest is ignored', async () => {
	const { socket, values } = await following();
	await arrive(socket, event('created', { id: 8 }, 8));
	await arrive(socket, snapshot(1, ['old'], 3));

	expect(values).toHaveLength(2);
});

test('another epoch is asked about, and its snapshot replaces the value', async () => {
	const { socket, values } = await following();
	await arrive(socket, event('created', { id: 6 }, 6, 'other'), event('created', { id: 7 }, 7));
	await settle();

	expect(values).toHaveLength(2);
	expect(socket.of('stream')[1]!.since).toEqual({ epoch: 'e', seq: 5 });
	await arrive(socket, snapshot(2, [{ id: 7 }], 7, { epoch: 'other', reset: 'epoch' }));
	await arrive(socket, event('created', { id: 8 }, 8));
	expect(values.at(-1)).toEqual([{ id: 7 }, { id: 8 }]);
});

test('events without a number are applied as they come', async () => {
	const { socket, stream, values } = await following();
	await arrive(socket, event('created', { id: 2 }));

	expect(values.at(-1)).toEqual([{ id: 1 }, { id: 2 }]);
	expect(stream.position).toEqual({ epoch: 'e', seq: 5 });
});

test('one event reaches every stream of its topic, and each is at its own position', async () => {
	const { client, open } = bench();
	const [one, other] = [watch(client.stream('s')(1)), watch(client.stream('s')(2))];
	const socket = await open();
	await arrive(socket, snapshot(1, [], 1));
	await arrive(socket, event('created', { id: 'x' }, 2));
	await arrive(
		socket,
		snapshot(2, [], 1, { events: [{ event: 'created', data: { id: 'x' }, seq: 2 }] })
	);
	await arrive(socket, event('created', { id: 'y' }, 3));

	expect(one.values.at(-1)).toEqual([{ id: 'x' }, { id: 'y' }]);
	expect(other.values).toEqual([undefined, [{ id: 'x' }], [{ id: 'x' }, { id: 'y' }]]);
});

test('after a reconnect the stream goes on from its position and shows its value meanwhile', async () => {
	const { clock, socket, open, stream, values } = await following();
	socket.end();
	expect(look(stream)).toMatchObject({ connected: false, stale: true, ready: true });
	await clock.advance(1000);
	const second = await open();
	expect(second.frames).toEqual([
		{ type: 'stream', id: 2, path: 's', since: { epoch: 'e', seq: 5 } }
	]);
	const events = [{ event: 'created', data: { id: 6 }, seq: 6 }];
	await arrive(second, { ...snapshot(2, undefined, 6), type: 'stream:recovered', events });

	expect(values).toEqual([undefined, [{ id: 1 }], [{ id: 1 }, { id: 6 }]]);
	expect(look(stream)).toMatchObject({ connected: true, stale: false });
});

test('what the old connection still had to send means nothing to the next one', async () => {
	const { client, clock, open } = bench();
	const one = watch(client.stream('one'));
	watch(client.stream('two'));
	const socket = await open();
	one.leave();
	await Promise.resolve();
	socket.end();
	await clock.advance(1000);
	const second = await open();

	expect(second.frames.map(({ type, path }) => [type, path])).toEqual([['stream', 'two']]);
});

test('an error stands beside the data and never replaces it', async () => {
	const { socket, clock, open, stream, values } = await following();
	socket.end();
	await clock.advance(1000);
	const second = await open();
	await arrive(second, { type: 'reply', id: 2, error: { code: 'FORBIDDEN', message: 'No.' } });

	expect(stream.error).toMatchObject({ code: 'FORBIDDEN', message: 'No.' });
	expect(look(stream)).toMatchObject({ current: [{ id: 1 }], connected: false, stale: true });
	expect(values).toHaveLength(2);
	await clock.advance(100_000);
	expect(second.frames).toHaveLength(1);
});

test('a stream that was refused for now is asked for again when the server says', async () => {
	const { client, clock, open } = bench();
	const stream = client.stream('s');
	const { values } = watch(stream);
	const socket = await open();
	const error = { code: 'RATE_LIMITED', message: 'Slow down.', retryAfter: 7000 };
	await arrive(socket, { type: 'reply', id: 1, error });
	expect(look(stream)).toMatchObject({ loading: false, error: { code: 'RATE_LIMITED' } });
	await clock.advance(6999);
	expect(socket.frames).toHaveLength(1);

	await clock.advance(1);
	await arrive(socket, snapshot(2, [], 0));
	expect(values).toEqual([undefined, []]);
	expect(stream.error).toBeUndefined();
});

test('a question without an answer counts as TIMEOUT and is put again', async () => {
	const { client, clock, open } = bench({ timeout: 1000 });
	const stream = client.stream('s');
	watch(stream);
	const socket = await open();
	await clock.advance(1000);
	expect(stream.error).toMatchObject({ code: 'TIMEOUT' });
	await clock.advance(2000);

	expect(socket.frames.map(({ type, id }) => [type, id])).toEqual([
		['stream', 1],
		['stream:end', 1],
		['stream', 2]
	]);
});

test('malformed events throw nothing and change nothing', async () => {
	const { socket, stream, values } = await following();
	for (const [i, name] of ['created', 'updated', 'deleted', 'set', 'constructor'].entries()) {
		await arrive(socket, event(name, null, 6 + i));
	}

	expect(values).toHaveLength(2);
	expect(look(stream)).toMatchObject({ error: undefined, position: { epoch: 'e', seq: 10 } });
});

test('frames that are none of the protocol are ignored', async () => {
	const { socket, values } = await following();
	for (const text of ['', 'null', '[]', '[null, 1]', '{"type":1}', '{"type":"later"}', '{"a']) {
		socket.onmessage?.({ data: text } as never);
	}
	await arrive(socket, {
		type: 'reply',
		id: null,
		error: { code: 'INVALID_REQUEST', message: '' }
	});
	await arrive(socket, event('created', { id: 2 }, 6));

	expect(values.at(-1)).toEqual([{ id: 1 }, { id: 2 }]);
});

test('awaiting a stream gives its first value and lets go of it a second later', async () => {
	const { client, clock, open } = bench();
	const value = (async () => await client.stream('s'))();
	const socket = await open();
	await arrive(socket, snapshot(1, 'x', 1, { merge: 'set' }));

	expect(await value).toBe('x');
	await settle();
	expect(socket.of('stream:end')).toEqual([]);
	await clock.advance(1000);
	expect(socket.of('stream:end')).toHaveLength(1);
});

test('awaiting a stream that is refused rejects', async () => {
	const { client, open } = bench();
	const value = (async () => await client.stream('s'))();
	value.catch(() => {});
	const socket = await open();
	await arrive(socket, { type: 'reply', id: 1, error: { code: 'NOT_FOUND', message: 'No.' } });

	await expect(value).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('close() ends the stream and leaves the value; the next reader begins it again', async () => {
	const { socket, stream, values } = await following();
	stream.close();
	await settle();
	expect(socket.of('stream:end')).toEqual([{ type: 'stream:end', id: 1 }]);
	expect(look(stream)).toMatchObject({ current: [{ id: 1 }], connected: false, stale: true });
	await arrive(socket, event('created', { id: 6 }, 6));
	expect(values).toHaveLength(2);

	watch(stream);
	await settle();
	expect(socket.of('stream')[1]).toMatchObject({ since: { epoch: 'e', seq: 5 } });
});

test('a failing subscriber keeps no other one from hearing', async () => {
	const { socket, stream } = await following();
	const shown: unknown[] = [];
	const { error } = console;
	console.error = (what: unknown) => void shown.push(what);
	stream.subscribe((value) => {
		if ((value as unknown[]).length > 1) throw new Error('mine');
	});
	const { values } = watch(stream);
	await arrive(socket, event('created', { id: 6 }, 6));
	console.error = error;

	expect(values).toHaveLength(2);
	expect(shown).toMatchObject([{ message: 'mine' }]);
});

// --- what the server rendered ---

const MERGE = { merge: 'crud', key: 'id', prepend: false, max: 0 } as const;

function seed(seq: number, value: unknown, args: unknown[] = []): never {
	const position = { epoch: 'e', seq };
	return { path: 's', args, value, position, topic: 't', ...MERGE } as never;
}

test('a hydrated store shows what was rendered and goes on from there', async () => {
	const { client, open } = bench();
	const stream = client.stream('s').hydrate(seed(5, [{ id: 1 }]));
	expect(look(stream)).toMatchObject({
		current: [{ id: 1 }],
		ready: true,
		loading: false,
		stale: true
	});
	const { values } = watch(stream);
	const socket = await open();
	expect(socket.of('stream')[0]).toMatchObject({ since: { epoch: 'e', seq: 5 } });
	const events = [{ event: 'created', data: { id: 6 }, seq: 6 }];
	await arrive(socket, { ...snapshot(1, undefined, 6), type: 'stream:recovered', events });

	expect(values).toEqual([[{ id: 1 }], [{ id: 1 }, { id: 6 }]]);
	expect(look(stream)).toMatchObject({ connected: true, stale: false });
});

test('nothing flashes when nothing was missed', async () => {
	const { client, open } = bench();
	const { values } = watch(client.stream('s').hydrate(seed(5, [{ id: 1 }])));
	const socket = await open();
	await arrive(socket, { ...snapshot(1, undefined, 5), type: 'stream:recovered', events: [] });

	expect(values).toEqual([[{ id: 1 }]]);
});

test('a seed without a position is shown, and loaded anew', async () => {
	const { client, open } = bench();
	const { position: _, ...rest } = seed(5, ['a']) as { position: unknown };
	const { values } = watch(client.stream('s').hydrate(rest as never));
	const socket = await open();
	expect(socket.of('stream')[0]).not.toHaveProperty('since');
	await arrive(socket, snapshot(1, ['b'], 9));

	expect(values).toEqual([['a'], ['b']]);
});

test('a live stream stays where a seed is no newer, and takes it over where it is', async () => {
	const { client, socket, values } = await following();
	watch(client.stream('s').hydrate(seed(4, ['old'])));
	await settle();
	expect(values).toEqual([undefined, [{ id: 1 }]]);

	watch(client.stream('s').hydrate(seed(6, [{ id: 1 }, { id: 6 }])));
	await settle();
	await arrive(socket, event('created', { id: 6 }, 6), event('created', { id: 7 }, 7));
	expect(values.slice(2)).toEqual([
		[{ id: 1 }, { id: 6 }],
		[{ id: 1 }, { id: 6 }, { id: 7 }]
	]);
	expect(socket.of('stream')).toHaveLength(1);
});

test('a hydrated stream with arguments is the one that its arguments name', async () => {
	const { client, open } = bench();
	const stream = client.stream('s');
	watch(stream.hydrate(seed(1, ['a'], ['room'])));
	watch(stream('room'));
	const socket = await open();

	expect(socket.of('stream').map((frame) => frame.args)).toEqual([['room']]);
});

test('awaiting a hydrated stream needs no connection', async () => {
	const { client, sockets } = bench();
	expect(await client.stream('s').hydrate(seed(1, 'x'))).toBe('x');
	expect(sockets).toHaveLength(0);
});

test('load() in the browser says where it belongs', () => {
	const { client } = bench();
	expect(() => client.stream('chat/messages').load()).toThrow(
		/RT_STUB_BROWSER_LOAD.*chat\/messages/
	);
});

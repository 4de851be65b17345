import { describe, expect, test } from 'vitest';
import {
	definePlugin,
	deny,
	live,
	type KernelHooks,
	type Plugin,
	type Position
} from 'svelte-realtime';
import { memoryLog, type ReplayLog, type Tail } from 'svelte-realtime/plugins/replay';
import { single } from 'svelte-realtime/presets';
import { provided, settle, type ReceivedFrame, type TestConnection } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

type Options = Parameters<typeof startKernel>[1];

/** A kernel with one live module, `test`, and a connection. */
async function serving(
	exports: Record<string, unknown>,
	{ plugins = [], ...options }: Options & { plugins?: readonly Plugin[] } = {}
) {
	const names = new Set(plugins.map(({ name }) => name));
	const preset = single().filter(({ name }) => !names.has(name));
	const kernel = await startKernel([...preset, ...plugins], options);
	kernel.use<'rpc'>('rpc').mount({ test: exports });
	return { kernel, ada: await kernel.connect() };
}

const ask = (id: number, name: string, more: object = {}): object => ({
	type: 'stream',
	id,
	path: `test/${name}`,
	...more
});
const end = (id: number): object => ({ type: 'stream:end', id });
const positionOf = ({ epoch, seq }: ReceivedFrame): Position => ({
	epoch: epoch as string,
	seq: seq as number
});
const gate = (handler: KernelHooks['subscribe']): Plugin =>
	definePlugin({ name: 'gate', setup: ({ hook }) => void hook('subscribe', handler) });
const ofType = (frames: readonly ReceivedFrame[], type: string): readonly ReceivedFrame[] =>
	frames.filter((frame) => frame.type === type);

/** Where a topic of this kernel stood before anyone published to it. */
const LOST: Position = { epoch: 'lost', seq: 7 };

// --- delta ---

interface Row {
	readonly id: number;
	readonly text?: string;
	readonly _deleted?: true;
}

describe('a client whose history is lost and that has a version', () => {
	/** A stream with `delta`; what is called is written down, in order. */
	async function versioned(delta: object = {}, options: object = {}) {
		const called: unknown[] = [];
		const data = { version: 2 as unknown, diff: [] as unknown, rows: [{ id: 1 }] as Row[] };
		const context = await serving({
			list: live.stream(
				(_ctx, room: string) => `list:${room}`,
				(_ctx, room) => {
					called.push(['load', room]);
					return data.rows;
				},
				{
					delta: {
						version(ctx, room) {
							called.push(['version', ctx.path, room]);
							return data.version;
						},
						diff(since, _ctx, room) {
							called.push(['diff', since, room]);
							return data.diff as Row[];
						},
						...delta
					},
					...options
				}
			)
		});
		const back = (version: unknown, since: object = LOST): Promise<void> =>
			context.ada.send(ask(1, 'list', { args: ['a'], since, version }));
		return { ...context, called, data, back };
	}

	test('is told the version with the snapshot, read before the value', async () => {
		const { ada, called } = await versioned();

		await ada.send(ask(1, 'list', { args: ['a'] }));

		expect(ada.received).toMatchObject([{ type: 'stream:snapshot', version: 2 }]);
		expect(called).toEqual([
			['version', 'test/list', 'a'],
			['load', 'a']
		]);
	});

	test('is sent what has changed, and nothing is loaded', async () => {
		const { kernel, ada, called, data, back } = await versioned();
		data.diff = [
			{ id: 2, text: 'new' },
			{ id: 1, _deleted: true, secret: 'x' }
		];
		void kernel.publish('list:a', 'created', 'before');

		await back(1);
		void kernel.publish('list:a', 'created', 'after');

		expect(ada.received[0]).toEqual({
			type: 'stream:delta',
			id: 1,
			topic: 'list:a',
			epoch: expect.any(String),
			seq: 1,
			version: 2,
			merge: 'crud',
			key: 'id',
			prepend: false,
			max: 0,
			events: [
				{ event: 'created', data: { id: 2, text: 'new' } },
				{ event: 'deleted', data: { id: 1 } }
			]
		});
		expect(ada.received[1]).toMatchObject({ type: 'event', data: 'after', seq: 2 });
		expect(called).toEqual([
			['version', 'test/list', 'a'],
			['diff', 1, 'a']
		]);
	});

	test.each([null, 0, false, '', 'x', 1.5, [1, { a: null }], { a: [1], b: 'x' }])(
		'that is %j still is told that nothing has changed, and nothing is asked',
		async (version) => {
			const { ada, called, data, back } = await versioned();
			data.version = version;

			await back(version);

			expect(ada.received).toMatchObject([{ type: 'stream:delta', version, events: [] }]);
			expect(called).toHaveLength(1);
		}
	);

	test('misses nothing that happens while the changes are found out', async () => {
		const { kernel, ada, back } = await versioned({
			async diff() {
				void kernel.publish('list:a', 'created', 'during');
				await settle();
				return [{ id: 3 }];
			}
		});

		await back(1);
		await settle();
		void kernel.publish('list:a', 'created', 'after');

		expect(ada.received).toMatchObject([
			{
				type: 'stream:delta',
				seq: 0,
				events: [{ data: { id: 3 } }, { event: 'created', data: 'during', seq: 1 }]
			},
			{ type: 'event', data: 'after', seq: 2 }
		]);
	});

	test('is continued from the log where that reaches back: the version is not asked for', async () => {
		const { kernel, ada, called, back } = await versioned();
		const { epoch } = (await kernel.use<'replay'>('replay').follow('list:a')).head();
		void kernel.publish('list:a', 'created', 1);

		await back(1, { epoch, seq: 0 });

		expect(ada.received).toMatchObject([{ type: 'stream:recovered', events: [{ seq: 1 }] }]);
		expect(called).toEqual([]);
	});

	test.each<[string, object, object, string[]]>([
		['cannot be told', { diff: () => null }, {}, []],
		['cannot be told', { diff: () => undefined }, {}, []],
		[
			'cannot be told for an error',
			{
				diff: () => {
					throw new Error('no diff');
				}
			},
			{},
			['streams Error: no diff']
		],
		[
			'cannot be told for a rejection',
			{ diff: () => Promise.reject(new Error('no diff')) },
			{},
			['streams Error: no diff']
		],
		['is no list', { diff: () => 5 }, {}, ['streams RT_OPTION_INVALID']],
		['cannot be sent', { diff: () => [() => {}] }, {}, ['streams RT_VALUE_UNSERIALIZABLE']],
		['is gone from latest', { diff: () => [{ id: 1, _deleted: true }] }, { merge: 'latest' }, []]
	])('and what has changed %s is sent everything', async (_, delta, options, errors) => {
		const { kernel, ada, back } = await versioned(delta, options);

		await back(1);

		expect(ada.received).toMatchObject([
			{ type: 'stream:snapshot', reset: 'epoch', data: [{ id: 1 }], version: 2 }
		]);
		expect(takeErrors(kernel)).toEqual(errors);
	});

	test.each<[string, () => unknown, string]>([
		[
			'cannot be read',
			() => {
				throw new Error('no version');
			},
			'streams Error: no version'
		],
		['is a date', () => new Date(0), 'streams RT_OPTION_INVALID']
	])('and whose present version %s is sent everything, without one', async (_, version, error) => {
		const { kernel, ada, called, back } = await versioned({ version });

		await back(1);

		const [snapshot] = ada.received;
		expect(snapshot).toMatchObject({ type: 'stream:snapshot', data: [{ id: 1 }] });
		expect('version' in snapshot!).toBe(false);
		expect(called).toEqual([['load', 'a']]);
		expect(takeErrors(kernel)).toEqual([error, error]);
	});

	test('of one value is sent the value', async () => {
		const { ada, data, back } = await versioned({}, { merge: 'set' });
		data.diff = { any: 'value' };

		await back(1);

		expect(ada.received).toMatchObject([
			{ type: 'stream:delta', events: [{ event: 'set', data: { any: 'value' } }] }
		]);
	});

	test('that it names without a position is sent everything', async () => {
		const { ada, called } = await versioned();

		await ada.send(ask(1, 'list', { args: ['a'], version: 1 }));

		expect(ada.received).toMatchObject([{ type: 'stream:snapshot' }]);
		expect(called.at(-1)).toEqual(['load', 'a']);
	});

	test('but does not say which is sent everything: nothing is compared with nothing', async () => {
		const { ada, called, back } = await versioned();

		await back(undefined);

		expect(ada.received).toMatchObject([{ type: 'stream:snapshot', reset: 'epoch' }]);
		expect(called).not.toContainEqual(['diff', undefined, 'a']);
	});

	test('and that a gate refuses gets nothing, and no function runs', async () => {
		const called: string[] = [];
		const note = (what: string) => () => void called.push(what);
		const { ada } = await serving(
			{
				list: live.stream('list', note('load'), {
					delta: { version: note('version'), diff: note('diff') as never }
				})
			},
			{ plugins: [gate(() => deny('FORBIDDEN'))] }
		);

		await ada.send(ask(1, 'list', { since: LOST, version: 1 }));

		expect(ada.received).toMatchObject([{ type: 'reply', id: 1, error: { code: 'FORBIDDEN' } }]);
		expect(called).toEqual([]);
	});

	test('leaves while the changes are found out: nothing is answered, loaded or followed', async () => {
		let finish!: (rows: null) => void;
		const { kernel, ada, called, back } = await versioned({
			diff: () => new Promise<null>((resolve) => (finish = resolve))
		});
		await back(1);

		await ada.send(end(1));
		finish(null);
		await settle();

		expect(ada.received).toEqual([]);
		expect(called.map(([what]: any) => what as string)).not.toContain('load');
		expect(kernel.transport.subscribers('list:a')).toBe(0);
	});

	test('from a page that was rendered has the version of the page', async () => {
		const { kernel } = await versioned();
		const request = { url: '/', headers: {}, ip: '::1', origin: undefined };

		expect(await kernel.use<'streams'>('streams').load('test/list', ['a'], request)).toMatchObject({
			version: 2
		});
	});
});

test.each<[string, unknown[]]>([
	['without diff', [() => [], { delta: { version: (): number => 1 } }]],
	['without version', [() => [], { delta: { diff: () => [] } }]],
	[
		'where nothing is loaded',
		[null, { merge: 'latest', delta: { version: (): number => 1, diff: () => [] } }]
	]
])('delta %s is an error that says what it takes', (_, args) => {
	expect(() => (live.stream as (...all: unknown[]) => unknown)('list', ...args)).toThrow(
		/RT_OPTION_INVALID.*delta/
	);
});

// --- reset ---

describe('what a client has missed', () => {
	test('is an overflow where it does not fit into the send buffer', async () => {
		const { kernel, ada } = await serving(
			{ list: live.stream('list', () => ['loaded']) },
			{ limits: { sendBuffer: 1000 } }
		);
		const { epoch } = (await kernel.use<'replay'>('replay').follow('list')).head();
		for (let i = 0; i < 10; i += 1) void kernel.publish('list', 'e', 'x'.repeat(100));

		await ada.send(ask(1, 'list', { since: { epoch, seq: 0 } }));
		await ada.send(ask(2, 'list', { since: { epoch, seq: 8 } }));

		expect(ada.received).toMatchObject([
			{ type: 'stream:snapshot', id: 1, reset: 'overflow', data: ['loaded'], seq: 10 },
			{ type: 'stream:recovered', id: 2, events: [{ seq: 9 }, { seq: 10 }] }
		]);
	});

	test('is loaded at once for who comes alone', async () => {
		const { ada } = await serving({ list: live.stream('list', () => []) });

		await ada.send(ask(1, 'list', { since: LOST }));

		expect(ada.received).toMatchObject([{ type: 'stream:snapshot', reset: 'epoch' }]);
	});

	test('is not loaded for 1,000 clients in the same second, and for all within two', async () => {
		let loads = 0;
		const { kernel } = await serving({ list: live.stream('list', () => void (loads += 1)) });
		const clients = await Promise.all(Array.from({ length: 1000 }, () => kernel.connect()));
		for (const { connection } of clients) {
			const text = JSON.stringify(ask(1, 'list', { since: LOST }));
			kernel.message(connection, text, text.length);
		}

		const perHalf: number[] = [];
		for (let i = 0; i < 4; i += 1) {
			const before = loads;
			await kernel.clock.advance(500);
			perHalf.push(loads - before);
		}

		expect(loads).toBe(1000);
		for (const count of perHalf) expect(count).toBeLessThan(350);
		for (const { received } of clients) {
			expect(received.map(({ type }) => type)).toEqual(['stream:snapshot']);
		}
	});

	test('makes a crowd wait only while there is one', async () => {
		const { kernel, ada } = await serving({ list: live.stream('list', () => []) });
		const many = Array.from({ length: 40 }, (_, i) => ask(i + 1, 'list', { since: LOST }));
		await ada.send(...many);
		expect(ada.take().length).toBeLessThan(40);
		await kernel.clock.advance(2000);
		ada.take();

		await ada.send(ask(99, 'list', { since: LOST }));

		expect(ada.take()).toMatchObject([{ type: 'stream:snapshot', id: 99 }]);
	});

	test('and the client leaves while it waits: nothing is loaded', async () => {
		let loads = 0;
		const { kernel, ada } = await serving({ list: live.stream('list', () => void (loads += 1)) });
		await ada.send(ask(1, 'list', { since: LOST }), ask(2, 'list', { since: LOST }));
		expect(loads).toBe(1);

		await ada.send(end(2));
		await kernel.clock.advance(2000);

		expect(loads).toBe(1);
	});
});

// --- many at once ---

test('the answers to one message of questions are sent while it is read: they travel together', async () => {
	const { kernel, ada } = await serving({
		list: live.stream(
			(_ctx, n: number) => `list:${n}`,
			() => []
		)
	});
	const { epoch } = (await kernel.use<'replay'>('replay').follow('list:1')).head();
	let inCork = 0;
	const { socket } = ada;
	socket.cork = (work) => {
		work();
		inCork = socket.sent.length;
	};

	const questions = Array.from({ length: 50 }, (_, n) =>
		ask(n, 'list', { args: [n], since: { epoch, seq: 0 } })
	);
	await ada.send(...questions);

	expect(inCork).toBe(50);
	expect(ofType(ada.received, 'stream:recovered')).toHaveLength(50);
});

/** A log whose tails reach back two frames, before a store that keeps everything; its reads are counted. */
function farLog() {
	const near = memoryLog({ size: 2, topicBytes: 1e6, bytes: 1e8, topics: 10 });
	const far = memoryLog({ size: 10_000, topicBytes: 1e8, bytes: 1e8, topics: 10 });
	const reads: number[] = [];
	const log: ReplayLog = {
		follow: (topic) => near.follow(topic),
		append(...args) {
			const position = near.append(...args);
			void far.append(...args);
			return position;
		},
		async range(topic, { seq }) {
			reads.push(seq);
			const tail = far.follow(topic) as Tail;
			const entries = tail.since({ epoch: tail.head().epoch, seq });
			await settle();
			return entries;
		}
	};
	return { reads, near, plugin: provided('replay.log', log) };
}

test('5,000 clients that come back to one topic at once cost one read of its log', async () => {
	const { reads, near, plugin } = farLog();
	const { kernel } = await serving(
		{ list: live.stream('list', () => ['loaded']) },
		{ plugins: [plugin] }
	);
	for (let i = 1; i <= 100; i += 1) void kernel.publish('list', 'e', i);
	const { epoch } = (near.follow('list') as Tail).head();
	const clients: TestConnection[] = [];
	for (let i = 0; i < 5000; i += 1) clients.push(await kernel.connect());
	global.gc?.();
	const memory = process.memoryUsage().heapUsed;
	const begun = performance.now();

	for (const [i, { connection }] of clients.entries()) {
		const text = JSON.stringify(ask(1, 'list', { since: { epoch, seq: 80 + (i % 7) } }));
		kernel.message(connection, text, text.length);
	}
	void kernel.publish('list', 'e', 101); // while it is read
	await settle();
	await settle();

	const took = Math.round(performance.now() - begun);
	const perClient = Math.round((process.memoryUsage().heapUsed - memory) / clients.length);
	console.log(`5,000 resumed in ${took} ms, ${perClient} bytes of heap each, answers included`);
	expect(reads).toEqual([80]);
	for (const [i, { received }] of clients.entries()) {
		const seqs = (received[0]!['events'] as { seq: number }[]).map(({ seq }) => seq);
		expect(received).toHaveLength(1);
		expect(seqs).toEqual(Array.from({ length: 21 - (i % 7) }, (_, n) => 81 + (i % 7) + n));
	}
}, 60_000);

test('clients of a memory log never have it read again: the tail of the topic answers them', async () => {
	const memory = memoryLog({ size: 1000, topicBytes: 1e6, bytes: 1e8, topics: 10 });
	let ranges = 0;
	const log: ReplayLog = {
		...memory,
		range(...args) {
			ranges += 1;
			return memory.range(...args);
		}
	};
	const { kernel } = await serving(
		{ list: live.stream('list', () => []) },
		{ plugins: [provided('replay.log', log)] }
	);
	const { epoch } = (await kernel.use<'replay'>('replay').follow('list')).head();
	for (let i = 1; i <= 20; i += 1) void kernel.publish('list', 'e', i);
	const clients = await Promise.all(Array.from({ length: 100 }, () => kernel.connect()));

	for (const client of clients) await client.send(ask(1, 'list', { since: { epoch, seq: 0 } }));

	for (const { received } of clients)
		expect(received).toMatchObject([{ type: 'stream:recovered' }]);
	expect(ranges).toBe(0);
});

// --- slow consumers, and what is lost without a trace ---

describe('a connection that loses frames', () => {
	/** A connection that follows `one` and `two`, and loses what is published until its buffer drains. */
	async function losing(options: Parameters<typeof serving>[1] = {}) {
		const context = await serving(
			{
				one: live.stream('one', () => []),
				two: live.stream('two', () => []),
				cursors: live.stream('cursors', () => [], { merge: 'latest' })
			},
			{ topics: { cursors: 'ephemeral' }, ...options }
		);
		const { kernel, ada } = context;
		await ada.send(ask(1, 'one'), ask(2, 'two'), ask(3, 'cursors'), ask(4, 'one'));
		const [, , cursors, one] = ada.take();
		expect(cursors).toMatchObject({ topic: 'cursors' });
		const { epoch } = one!;
		const lose = (topic: string, times: number): void => {
			ada.socket.status = 'dropped';
			for (let i = 0; i < times; i += 1) void kernel.publish(topic, 'e', i);
			ada.socket.status = 'sent';
		};
		return { ...context, epoch: epoch as string, lose };
	}

	test('is told the heads of its logged topics when it drains, each once', async () => {
		const { kernel, ada, epoch, lose } = await losing();
		lose('one', 3);
		lose('cursors', 2);

		kernel.drain(ada.connection);

		expect(ada.take()).toEqual([
			{ type: 'stream:heads', heads: [{ topic: 'one', epoch, seq: 3 }] }
		]);
		expect(ada.connection.slowEpisodes).toBe(1);
		kernel.drain(ada.connection);
		expect(ada.take()).toEqual([]);
		expect(ada.connection.slowEpisodes).toBe(2);
	});

	test('is sent what it lost when it asks', async () => {
		const { kernel, ada, epoch, lose } = await losing();
		lose('one', 3);
		kernel.drain(ada.connection);
		ada.take();

		await ada.send(ask(5, 'one', { since: { epoch, seq: 0 } }), end(1));

		expect(ada.take()).toMatchObject([
			{ type: 'stream:recovered', id: 5, events: [{ seq: 1 }, { seq: 2 }, { seq: 3 }] }
		]);
	});

	test('is told again where the heads did not fit either', async () => {
		const { kernel, ada, lose } = await losing();
		lose('two', 1);
		ada.socket.status = 'dropped';
		kernel.drain(ada.connection);
		ada.socket.status = 'sent';

		kernel.drain(ada.connection);

		expect(ada.take()).toMatchObject([{ type: 'stream:heads', heads: [{ topic: 'two', seq: 1 }] }]);
	});

	test('is told of what it goes on following when it has ended something else', async () => {
		const { kernel, ada, epoch, lose } = await losing();
		await ada.send(end(1), end(3), end(4));
		lose('two', 2);

		await kernel.clock.advance(15_000);

		expect(ada.take()).toEqual([
			{ type: 'stream:heads', heads: [{ topic: 'two', epoch, seq: 2 }] }
		]);
	});

	test('is told to ask again for a stream whose answer did not fit', async () => {
		const { kernel, ada } = await losing();
		ada.socket.status = 'dropped';
		await ada.send(ask(5, 'two'));
		ada.socket.status = 'sent';

		kernel.drain(ada.connection);

		expect(ada.take()).toMatchObject([
			{ type: 'reply', id: 5, error: { code: 'SERVICE_UNAVAILABLE', retryAfter: 0 } }
		]);
		await ada.send(ask(5, 'two'));
		expect(ada.take()).toMatchObject([{ type: 'stream:snapshot', id: 5 }]);
	});

	test('is told in one frame of topics that begin anew, and nobody of others', async () => {
		const now = new Map<string, Position>();
		let begin: (topic: string) => void = () => {};
		const { follow, ...log } = memoryLog({ size: 9, topicBytes: 1e6, bytes: 1e6, topics: 100 });
		const renewable: ReplayLog = {
			...log,
			follow(topic) {
				const tail = follow(topic) as Tail;
				return {
					head: () => now.get(topic) ?? tail.head(),
					since: (position) => tail.since(position),
					last: (count) => tail.last(count),
					close: () => tail.close()
				};
			},
			onBegun: (listener) => {
				begin = listener;
				return () => {};
			}
		};
		const { kernel, ada } = await losing({ plugins: [provided('replay.log', renewable)] });
		const bob = await kernel.connect();
		await bob.send(ask(1, 'two'));
		await kernel.publish('two', 'e', 1);
		for (const client of [ada, bob]) client.take();

		for (const topic of ['one', 'elsewhere']) {
			now.set(topic, { epoch: 'new', seq: 4 });
			begin(topic);
		}
		await kernel.clock.advance(250);

		expect(ada.take()).toEqual([
			{ type: 'stream:heads', heads: [{ topic: 'one', epoch: 'new', seq: 4 }] }
		]);
		expect(bob.take()).toEqual([]);
		await kernel.clock.advance(60_000);
		expect(JSON.stringify(ada.take())).not.toContain('"one"');
	});

	test('without a full buffer notices within 15 s, whenever it happens', async () => {
		for (const offset of [0, 1, 3500, 6999, 7001]) {
			const { kernel, ada, epoch, lose } = await losing();
			await kernel.clock.advance(20_000 + offset);
			expect(ada.take()).toEqual([]);

			lose('two', 2);
			await kernel.clock.advance(15_000);

			expect(ada.take(), `${offset} ms`).toEqual([
				{ type: 'stream:heads', heads: [{ topic: 'two', epoch, seq: 2 }] }
			]);
			await kernel.clock.advance(60_000);
			expect(ada.take()).toEqual([]);
		}
	});

	test('is not told of a topic that moves: its next event shows the gap', async () => {
		const { kernel, ada } = await losing();

		for (let i = 0; i < 30; i += 1) {
			void kernel.publish('one', 'e', i);
			await kernel.clock.advance(1000);
		}

		expect(ofType(ada.take(), 'stream:heads')).toEqual([]);
	});

	test('has its own turn: the heads of many connections are not sent in the same second', async () => {
		const { kernel } = await losing();
		const clients = await Promise.all(Array.from({ length: 70 }, () => kernel.connect()));
		for (const client of clients) await client.send(ask(1, 'one'));
		await kernel.clock.advance(20_000);
		void kernel.publish('one', 'e', 1);

		let most = 0;
		for (let second = 0; second < 15; second += 1) {
			for (const client of clients) client.take();
			await kernel.clock.advance(1000);
			const told = clients.filter(({ received }) => ofType(received, 'stream:heads').length > 0);
			most = Math.max(most, told.length);
		}

		expect(most).toBeGreaterThan(0);
		expect(most).toBeLessThanOrEqual(11);
	});

	test('tells nothing of a topic that it has left', async () => {
		const { kernel, ada, lose } = await losing();
		await ada.send(end(2));
		lose('two', 1);

		kernel.drain(ada.connection);
		await kernel.clock.advance(15_000);

		expect(ada.take()).toEqual([]);
	});

	test('in dev is reported once, when its buffer is over the limit', async () => {
		const { kernel, ada } = await losing({ dev: true });
		const bob = await kernel.connect();
		ada.socket.bufferedBytes = kernel.limits.sendBuffer;
		void kernel.publish('two', 'e', 1);
		expect(takeErrors(kernel)).toEqual([]);

		ada.socket.bufferedBytes += 1;
		for (let i = 0; i < 3; i += 1) void kernel.publish('two', 'e', 1);
		expect(takeErrors(kernel)).toEqual(['kernel RT_CONNECTION_SLOW']);

		bob.socket.bufferedBytes = Infinity;
		void kernel.publish('cursors', 'e', 1);
		expect(takeErrors(kernel)).toEqual(['kernel RT_CONNECTION_SLOW']);
	});
});

// --- latest without keys ---

describe('a stream of latest that loads items without its key', () => {
	const streams = () => ({
		bare: live.stream('bare', () => ['a', { id: 1 }], { merge: 'latest' }),
		keyed: live.stream('keyed', () => [{ uuid: 1 }], { merge: 'latest', key: 'uuid' }),
		list: live.stream('list', () => ['a']),
		none: live.stream('none', () => null, { merge: 'latest' })
	});
	const all = [ask(1, 'bare'), ask(2, 'keyed'), ask(3, 'list'), ask(4, 'none'), ask(5, 'bare')];

	test('is reported once in dev, by its name', async () => {
		const { kernel, ada } = await serving(streams(), { dev: true });

		await ada.send(...all);

		expect(String(kernel.errors[0]?.error)).toContain('"test/bare"');
		expect(takeErrors(kernel)).toEqual(['streams RT_STREAM_KEYLESS']);
	});

	test('is served without a word otherwise', async () => {
		const { kernel, ada } = await serving(streams());

		await ada.send(...all);

		expect(takeErrors(kernel)).toEqual([]);
	});
});

// --- bad input ---

test('who may not read a topic any more is refused, whatever position or version it names', async () => {
	let isMember = true;
	const { kernel, ada } = await serving(
		{ list: live.stream('list', () => ['loaded']) },
		{ plugins: [gate(() => (isMember ? undefined : deny('FORBIDDEN')))] }
	);
	await ada.send(ask(1, 'list'));
	const position = positionOf(ada.take()[0]!);
	await ada.send(end(1));
	void kernel.publish('list', 'e', 'secret');
	isMember = false;

	const positions = [position, LOST, { epoch: position.epoch, seq: 1 }, { epoch: '', seq: 0 }];
	for (const [i, since] of positions.entries()) {
		await ada.send(ask(10 + i, 'list', { since, version: 1 }));
	}
	kernel.drain(ada.connection);
	await kernel.clock.advance(30_000);

	expect(ada.received).toEqual(
		positions.map((_, i) => ({
			type: 'reply',
			id: 10 + i,
			error: { code: 'FORBIDDEN', message: 'Access denied.' }
		}))
	);
});

// --- reads of the log that are gathered ---

describe('reads of one topic at once', () => {
	/** A log of ten frames whose reads a test lets go on, and what was asked of it. */
	async function reading(kept = 10) {
		const reads: number[] = [];
		const held: (() => void)[] = [];
		const log: ReplayLog = {
			...memoryLog({ size: 1000, topicBytes: 1e6, bytes: 1e8, topics: 10 }),
			range: (_, { epoch, seq }) =>
				new Promise((resolve, reject) => {
					reads.push(seq);
					held.push(() => {
						if (epoch === 'broken') reject(new Error('no store'));
						else if (epoch !== 'e') resolve('epoch');
						else if (seq < 10 - kept) resolve('truncated');
						else {
							const value = { json: '1', devalue: false };
							const seqs = Array.from({ length: 10 - seq }, (_, n) => seq + 1 + n);
							resolve(seqs.map((seq) => ({ seq, event: 'e', value })));
						}
					});
				})
		};
		const { kernel } = await serving({}, { plugins: [provided('replay.log', log)] });
		const range = (seq: number, epoch = 'e', topic = 't'): Promise<unknown> => {
			const read = kernel.use<'replay'>('replay').range(topic, { epoch, seq });
			return Promise.resolve(read).then(
				(entries) => (typeof entries === 'string' ? entries : entries.map(({ seq }) => seq)),
				String
			);
		};
		const goOn = async (): Promise<void> => {
			while (held.length > 0) {
				for (const go of held.splice(0)) go();
				await settle();
			}
		};
		return { reads, range, goOn };
	}

	test('are one, and each gets its own part', async () => {
		const { reads, range, goOn } = await reading();
		const all = [range(6), range(8), range(6), range(10)];

		await goOn();

		expect(await Promise.all(all)).toEqual([[7, 8, 9, 10], [9, 10], [7, 8, 9, 10], []]);
		expect(reads).toEqual([6]);
	});

	test('that need more than the one that runs share the next', async () => {
		const { reads, range, goOn } = await reading();
		const all = [range(8), range(7), range(4), range(6)];

		await goOn();

		expect(await Promise.all(all)).toEqual([
			[9, 10],
			[8, 9, 10],
			[5, 6, 7, 8, 9, 10],
			[7, 8, 9, 10]
		]);
		expect(reads).toEqual([8, 4]);
	});

	test('are asked for anew once the one before is done', async () => {
		const { reads, range, goOn } = await reading();
		void range(8);
		await goOn();
		void range(8);
		await goOn();

		expect(reads).toEqual([8, 8]);
	});

	test('of which the first reaches back too far are answered each for itself', async () => {
		const { range, goOn } = await reading(4);
		const all = [range(2), range(7), range(6)];

		await goOn();

		expect(await Promise.all(all)).toEqual(['truncated', [8, 9, 10], [7, 8, 9, 10]]);
	});

	test('of other topics and other histories are others, and a failure is everyone’s', async () => {
		const { reads, range, goOn } = await reading();
		const all = [
			range(8),
			range(8, 'x'),
			range(9, 'e', 'u'),
			range(8, 'broken'),
			range(8, 'broken'),
			range(5, 'broken')
		];

		await goOn();

		const failed = 'Error: no store';
		expect(await Promise.all(all)).toEqual([[9, 10], 'epoch', [10], failed, failed, failed]);
		expect(reads).toHaveLength(5);
	});
});

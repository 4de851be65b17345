import { describe, expect, test } from 'vitest';
import { definePlugin, type MaybePromise, type PublishResult } from 'svelte-realtime/kernel';
import { live } from 'svelte-realtime';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { throttle, throttled, type ThrottleOptions } from 'svelte-realtime/plugins/throttle';
import { settle, VirtualClock, type TestKernelOptions } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';
import { Random } from '../simulator/random.ts';

const DROPPED = { status: 'rejected', code: 'DROPPED' };

/** Collects the names of the limits that are run into. */
function watching(limits: string[]) {
	return definePlugin({
		name: 'watching',
		setup: (kernel) => void kernel.hook('limited', ({ limit }) => void limits.push(limit))
	});
}

/** A kernel with the plugin, a connection that follows some topics, and what it has received. */
async function start(options: ThrottleOptions = {}, kernelOptions: TestKernelOptions = {}) {
	const limits: string[] = [];
	const kernel = await startKernel([replay(), throttle(options), watching(limits)], kernelOptions);
	const ada = await kernel.connect();
	for (const topic of ['a', 'b', 'price:1']) ada.connection.follow(topic);
	return {
		kernel,
		ada,
		limits,
		throttle: kernel.use('throttle'),
		clock: kernel.clock,
		/** `event data` of each frame since the last look. */
		take: () => ada.take().map(({ event, data }) => `${event} ${JSON.stringify(data)}`)
	};
}

// --- a window ---

test('the first goes out at once, and of what follows the newest when the window ends', async () => {
	const { throttle, clock, take } = await start();

	for (const n of [1, 2, 3]) void throttle('a', 'set', n, 50);
	expect(take()).toEqual(['set 1']);
	await clock.advance(49);
	expect(take()).toEqual([]);
	await clock.advance(1);

	expect(take()).toEqual(['set 3']);
});

test('what goes out at the end of a window opens the next one', async () => {
	const { throttle, clock, take } = await start();
	for (const n of [1, 2]) void throttle('a', 'set', n, 50);
	await clock.advance(50);
	take();

	await clock.advance(3);
	void throttle('a', 'set', 3, 50);
	expect(take()).toEqual([]);
	await clock.advance(46);
	expect(take()).toEqual([]);
	await clock.advance(1);

	expect(take()).toEqual(['set 3']);
});

test('after a window in which nothing came, the next goes out at once, and no timer is left', async () => {
	const { throttle, clock, take } = await start();
	const timers = clock.pending;
	void throttle('a', 'set', 1, 50);
	expect(clock.pending).toBe(timers + 1);

	await clock.advance(50);
	expect(clock.pending).toBe(timers);
	void throttle('a', 'set', 2, 50);

	expect(take()).toEqual(['set 1', 'set 2']);
});

test('undefined is a value: it is what goes out when it is the newest', async () => {
	const { throttle, clock, take } = await start();

	for (const value of [1, 2, undefined]) void throttle('a', 'set', value, 50);
	await clock.advance(50);

	expect(take()).toEqual(['set 1', 'set undefined']);
});

test('a window of 0 ms publishes at once', async () => {
	const { throttle, take } = await start();

	for (const n of [1, 2, 3]) void throttle('a', 'set', n, 0);

	expect(take()).toEqual(['set 1', 'set 2', 'set 3']);
});

test('the next window is as long as the latest call says', async () => {
	const { throttle, clock, take } = await start();
	void throttle('a', 'set', 1, 50);
	void throttle('a', 'set', 2, 200);
	await clock.advance(50);
	take();

	void throttle('a', 'set', 3, 200);
	await clock.advance(199);
	expect(take()).toEqual([]);
	await clock.advance(1);

	expect(take()).toEqual(['set 3']);
});

// --- whose value ---

test.each([
	['an option', (n: number) => [n, { key: n }]],
	['data.key', (n: number) => [{ key: n }, {}]],
	['data.id', (n: number) => [{ id: `user ${n}` }, {}]]
])('keys, by %s, do not wait for each other', async (_, make) => {
	const { throttle, clock, take } = await start();
	const publish = (n: number) => {
		const [data, options] = make(n);
		void throttle('a', 'move', data, 50, options as { key?: number });
	};

	for (let i = 0; i < 20; i += 1) publish(1);
	publish(2);
	expect(take()).toHaveLength(2);
	await clock.advance(50);

	expect(take()).toHaveLength(1);
});

test('what has no key shares one, and topics share none', async () => {
	const { throttle, take } = await start();

	for (const data of [1, 'x', null, { id: {} }]) void throttle('a', 'set', data, 50);
	void throttle('b', 'set', 1, 50);

	expect(take()).toEqual(['set 1', 'set 1']);
});

test('names of prototypes are keys, topics and events like others', async () => {
	const { throttle, clock, kernel } = await start();
	const results = ['__proto__', 'constructor'].flatMap((name) => [
		throttle(name, name, 1, 50, { key: name }),
		throttle(name, name, 2, 50, { key: name })
	]);

	await clock.advance(50);

	expect(await Promise.all(results)).toMatchObject(
		[1, 2, 1, 2].map((seq) => ({ status: 'ok', position: { seq } }))
	);
	expect(kernel.use('throttle').pending).toBe(0);
});

test('events do not take each other’s place, and those of a key keep their order', async () => {
	const { throttle, clock, take } = await start();

	void throttle('a', 'updated', { id: 1, n: 1 }, 50);
	void throttle('a', 'updated', { id: 1, n: 2 }, 50);
	void throttle('a', 'deleted', { id: 1 }, 50);
	expect(take()).toEqual(['updated {"id":1,"n":1}']);
	await clock.advance(50);

	expect(take()).toEqual(['updated {"id":1,"n":2}', 'deleted {"id":1}']);
});

test('an event whose value is replaced takes the place of its newest value', async () => {
	const { throttle, clock, take } = await start();
	void throttle('a', 'first', 0, 50);

	void throttle('a', 'on', 1, 50);
	void throttle('a', 'off', 1, 50);
	void throttle('a', 'on', 2, 50);
	await clock.advance(50);

	expect(take()).toEqual(['first 0', 'off 1', 'on 2']);
});

// --- results ---

test('a publisher is told of the publish that its value, or a newer one, went out with', async () => {
	const { throttle, clock } = await start();

	const results = [1, 2, 3].map((n) => throttle('a', 'set', n, 50));
	await clock.advance(50);

	expect(await Promise.all(results)).toMatchObject([
		{ status: 'ok', position: { seq: 1 } },
		{ status: 'ok', position: { seq: 2 } },
		{ status: 'ok', position: { seq: 2 } }
	]);
});

test('a value that cannot be sent is refused when its time comes, and the window goes on', async () => {
	const { throttle, clock, kernel, take } = await start();
	void throttle('a', 'set', 1, 50);

	const result = throttle('a', 'set', () => {}, 50);
	await clock.advance(50);
	void throttle('a', 'set', 3, 50);
	await clock.advance(50);

	expect(await result).toMatchObject({ status: 'rejected', code: 'INVALID_REQUEST' });
	expect(take()).toEqual(['set 1', 'set 3']);
	expect(takeErrors(kernel)).toEqual(['replay RT_VALUE_UNSERIALIZABLE']);
});

test('a publish that is refused at once opens no window', async () => {
	const { throttle, clock } = await start();
	const timers = clock.pending;

	for (let i = 0; i < 100; i += 1) {
		expect(throttle(`bad\u0000${i}`, 'set', i, 50)).toMatchObject({ code: 'INVALID_TOPIC' });
	}

	expect(clock.pending).toBe(timers);
});

test.each([-1, NaN, Infinity, 2 ** 31, '50', undefined])(
	'a window of %s ms is RT_OPTION_INVALID',
	async (ms) => {
		const { throttle } = await start();

		expect(() => throttle('a', 'set', 1, ms as number)).toThrow(
			expect.objectContaining({ code: 'RT_OPTION_INVALID' })
		);
	}
);

test('`except` goes out with the value', async () => {
	const { kernel, throttle, clock, take } = await start({}, { topics: { a: 'ephemeral' } });
	const bob = await kernel.connect();
	bob.connection.follow('a');

	void throttle('a', 'move', 1, 50, { except: bob.connection });
	void throttle('a', 'move', 2, 50, { except: bob.connection });
	await clock.advance(50);

	expect(take()).toEqual(['move 1', 'move 2']);
	expect(bob.take()).toEqual([]);
});

// --- flush, cancel, shutdown ---

test('flush publishes what waits, of one topic or of all, and the window begins anew', async () => {
	const { throttle, clock, take } = await start();
	for (const topic of ['a', 'b']) for (const n of [1, 2]) void throttle(topic, 'set', n, 50);
	take();
	await clock.advance(40);

	await throttle.flush('a');
	expect(take()).toEqual(['set 2']);
	void throttle('a', 'set', 3, 50);
	await throttle.flush();
	expect(take()).toEqual(['set 3', 'set 2']);

	expect(throttle.pending).toBe(0);
});

test('cancel drops what waits, tells its publishers, and leaves the window open', async () => {
	const { throttle, clock, take } = await start();
	void throttle('a', 'set', 1, 50);
	const dropped = throttle('a', 'set', 2, 50);

	throttle.cancel('b');
	expect(throttle.pending).toBe(1);
	throttle.cancel('a');
	expect(await dropped).toEqual(DROPPED);
	void throttle('a', 'set', 3, 50);
	expect(take()).toEqual(['set 1']);
	await clock.advance(50);

	expect(take()).toEqual(['set 3']);
});

test('at shutdown what waits is published, and what comes later goes out at once', async () => {
	const { kernel, throttle, clock } = await start();
	void throttle('a', 'set', 1, 50);
	const waiting = throttle('a', 'set', 2, 50);

	await kernel.shutdown();

	expect(await waiting).toMatchObject({ status: 'ok', position: { seq: 2 } });
	expect(throttle('a', 'set', 3, 50)).toMatchObject({ status: 'ok' });
	expect(clock.pending).toBe(0);
});

// --- bounds ---

test('past its timers a publish happens at once, and is counted', async () => {
	const { throttle, clock, take, limits } = await start({ timers: 3 });
	const timers = clock.pending;
	for (let key = 0; key < 3; key += 1) void throttle('a', 'set', key, 50, { key });
	take();

	for (const n of [1, 2]) void throttle('a', 'set', n, 50, { key: 'one more' });

	expect(take()).toEqual(['set 1', 'set 2']);
	expect(limits).toEqual(['throttle.timers', 'throttle.timers']);
	expect(clock.pending).toBe(timers + 3);
});

test('events of one key are bounded too, and keep their order past the bound', async () => {
	const { throttle, clock, take, limits } = await start({ timers: 3 });
	void throttle('a', 'first', 0, 50);
	take();

	for (let n = 1; n <= 4; n += 1) void throttle('a', `event ${n}`, n, 50);

	expect(take()).toEqual(['event 1 1', 'event 2 2', 'event 3 3', 'event 4 4']);
	expect(limits).toEqual(['throttle.timers']);
	expect(throttle.pending).toBe(0);
	await clock.advance(50);
	expect(take()).toEqual([]);
});

test('a key of more than 256 characters is published at once', async () => {
	const { throttle, limits, take } = await start();

	for (const n of [1, 2]) void throttle('a', 'set', n, 50, { key: 'x'.repeat(257) });

	expect(take()).toEqual(['set 1', 'set 2']);
	expect(limits).toHaveLength(2);
});

test.each([{ timers: 0 }, { timers: 1.5 }, { topics: { a: -1 } }, { topics: { a: '50' } }])(
	'%j is RT_OPTION_INVALID',
	(options) => {
		expect(() => throttle(options as unknown as ThrottleOptions)).toThrow(
			expect.objectContaining({ code: 'RT_OPTION_INVALID' })
		);
	}
);

// --- topics of the config ---

describe('topics that are throttled whoever publishes', () => {
	test('are those of the patterns; the first pattern that fits has the topic', async () => {
		const { kernel, clock, take } = await start({ topics: { 'price:1': 20, 'price:*': 500 } });

		for (const n of [1, 2, 3]) {
			void kernel.publish('price:1', 'set', n);
			void kernel.publish('a', 'set', n);
		}
		expect(take()).toEqual(['set 1', 'set 1', 'set 2', 'set 3']);
		await clock.advance(20);

		expect(take()).toEqual(['set 3']);
		await clock.advance(1000);
		expect(take()).toEqual([]);
	});

	test('are numbered without gaps, and publishers get the position', async () => {
		const { kernel, clock } = await start({ topics: { a: 50 } });

		const results: MaybePromise<PublishResult>[] = [];
		for (let n = 1; n <= 5; n += 1) results.push(kernel.publish('a', 'set', n));
		await clock.advance(50);
		results.push(kernel.publish('a', 'set', 6));
		await clock.advance(50);

		expect(await Promise.all(results)).toMatchObject(
			[1, 2, 2, 2, 2, 3].map((seq) => ({ status: 'ok', position: { seq } }))
		);
	});

	test('take their key from where the config says', async () => {
		const key = (data: unknown) => (data as { symbol: string }).symbol;
		const { kernel, take } = await start({ topics: { a: { ms: 50, key } } });

		for (const symbol of ['ABC', 'DEF', 'ABC']) void kernel.publish('a', 'tick', { symbol });

		expect(take()).toEqual(['tick {"symbol":"ABC"}', 'tick {"symbol":"DEF"}']);
	});

	test('are told of the operation that the value which goes out belongs to', async () => {
		const { kernel, clock, ada } = await start({ topics: { a: 50 } });

		for (const op of ['one', 'two', 'three']) void kernel.publish('a', 'set', op, { op });
		await clock.advance(50);

		expect(ada.received.map(({ data, op }) => [data, op])).toEqual([
			['one', 'one'],
			['three', 'three']
		]);
	});

	test('lose nothing when the plugin is taken out', async () => {
		const { kernel, take } = await start({ topics: { a: 50 } });
		for (const n of [1, 2]) void kernel.publish('a', 'set', n);

		await kernel.remove('throttle');
		void kernel.publish('a', 'set', 3);

		expect(take()).toEqual(['set 1', 'set 2', 'set 3']);
	});

	test('are not throttled twice by a call', async () => {
		const { throttle, clock, take } = await start({ topics: { a: 500 } });

		for (const n of [1, 2]) void throttle('a', 'set', n, 50);
		await clock.advance(50);

		expect(take()).toEqual(['set 1', 'set 2']);
	});

	test('let a frame pass that has been through, though it is held in front of them', async () => {
		const release: (() => void)[] = [];
		const holding = definePlugin({
			name: 'holding',
			setup(kernel) {
				const wait = () => new Promise<void>((done) => release.push(done));
				kernel.hook('publish', (ctx) => ctx.defer(wait()), { order: 'pre' });
			}
		});
		const kernel = await startKernel([holding, throttle({ topics: { a: 50 } })]);
		const ada = await kernel.connect();
		ada.connection.follow('a');
		const events = () => ada.received.map(({ data }) => data);
		const next = async () => {
			release.shift()!();
			await settle();
		};
		const results = [kernel.publish('a', 'set', 1), kernel.publish('a', 'set', 2)];
		await next();
		await next();
		expect(events()).toEqual([1]);

		await kernel.clock.advance(50); // publishes 2 again, which is held
		const later = kernel.publish('a', 'set', 3); // is held behind it
		await next();
		expect(events()).toEqual([1, 2]);
		await next();
		expect(events()).toEqual([1, 2]);
		await kernel.clock.advance(50);
		await next();

		expect(events()).toEqual([1, 2, 3]);
		expect(await Promise.all([...results, later])).toMatchObject(Array(3).fill({ status: 'ok' }));
	});

	test('a publish from within a publish is one more value', async () => {
		const kernel = await startKernel([
			throttle({ topics: { a: 50 } }),
			definePlugin({
				name: 'echo',
				setup(kernel) {
					kernel.hook('publish', ({ topic, data }) => {
						if (data === 1) void kernel.publish(topic, 'set', 'echo');
					});
				}
			})
		]);
		const ada = await kernel.connect();
		ada.connection.follow('a');

		void kernel.publish('a', 'set', 1);
		void kernel.publish('a', 'set', 2);
		await kernel.clock.advance(50);

		expect(ada.received.map(({ data }) => data)).toEqual([1, 2]);
	});
});

// --- in live functions, and as a function ---

test('a live function has it as ctx.throttle', async () => {
	const kernel = await startKernel([rpc(), throttle()]);
	const move = live((ctx, x: number) => {
		void ctx.throttle('a', 'move', { id: 'ada', x }, 16);
	});
	kernel.use('rpc').mount({ board: { move } });
	const ada = await kernel.connect();
	ada.connection.follow('a');

	for (const x of [1, 2, 3]) await ada.send({ type: 'rpc', id: x, path: 'board/move', args: [x] });
	await kernel.clock.advance(16);

	const events = ada.take().filter(({ type }) => type === 'event');
	expect(events.map(({ data }) => data)).toEqual([
		{ id: 'ada', x: 1 },
		{ id: 'ada', x: 3 }
	]);
});

describe('throttled()', () => {
	test('is a publish function of its own windows', async () => {
		const kernel = await startKernel([]);
		const ada = await kernel.connect();
		ada.connection.follow('a');
		const publish = throttled(kernel.publish, 50, { clock: kernel.clock });

		const results = [1, 2, 3].map((n) => publish('a', 'set', n));
		await kernel.clock.advance(50);

		expect(ada.received.map(({ data }) => data)).toEqual([1, 3]);
		expect(await Promise.all(results)).toMatchObject(Array(3).fill({ status: 'ok' }));
		await kernel.clock.advance(50); // the last window
	});

	test('outlives a publish that throws or rejects, and reports it', async () => {
		const clock = new VirtualClock();
		const reported: unknown[] = [];
		const failures = [
			() => {
				throw new Error('thrown');
			},
			() => Promise.reject(new Error('rejected'))
		];
		let calls = 0;
		const failing = (): MaybePromise<PublishResult> => {
			calls += 1;
			if (calls === 1) return { status: 'ok', level: 'local' };
			return failures[calls % 2]!();
		};
		const publish = throttled(failing, 50, { clock, report: (error) => reported.push(error) });

		void publish('a', 'set', 1);
		const results = [publish('a', 'one', 2), publish('a', 'two', 3)];
		await clock.advance(50);

		expect(await Promise.all(results)).toEqual(
			Array(2).fill({ status: 'rejected', code: 'INTERNAL_ERROR' })
		);
		expect(reported.map(String)).toEqual(['Error: thrown', 'Error: rejected']);
	});
});

// --- at random ---

interface Sent {
	readonly at: number;
	readonly key: string;
	readonly n: number;
}

/** 10 that publish at every chance and 90 that rarely do, on one topic, for a second. */
async function crowd(seed: number, flushes: number) {
	const random = new Random(seed);
	const clock = new VirtualClock();
	const sent: Sent[] = [];
	const last = new Map<string, number>();
	const publish = throttled(
		(_topic, _event, data) => {
			sent.push({ at: clock.now(), ...(data as { key: string; n: number }) });
			return { status: 'ok', level: 'local' };
		},
		16,
		{ clock }
	);
	for (let ms = 0; ms < 1000; ms += 1) {
		for (let i = 0; i < 100; i += 1) {
			if (!random.chance(i < 10 ? 0.7 : 0.01)) continue;
			const key = `${i < 10 ? 'fast' : 'slow'} ${i}`;
			const n = (last.get(key) ?? 0) + 1;
			last.set(key, n);
			void publish('board', 'move', { key, n });
		}
		if (random.chance(flushes)) await publish.flush();
		await clock.advance(1);
	}
	await clock.advance(32);
	const byKey = new Map([...last.keys()].map((key) => [key, sent.filter((s) => s.key === key)]));
	return { byKey, last, clock };
}

test.each([1, 2, 3])(
	'of 10 fast and 90 slow publishers each one’s last value arrives, and one a window (seed %i)',
	async (seed) => {
		const { byKey, last, clock } = await crowd(seed, 0);

		expect(last.size).toBe(100);
		for (const [key, frames] of byKey) {
			expect(frames.at(-1)).toMatchObject({ n: last.get(key)! });
			for (const [i, { at, n }] of frames.slice(1).entries()) {
				expect(at - frames[i]!.at).toBeGreaterThanOrEqual(16);
				expect(n).toBeGreaterThan(frames[i]!.n);
			}
		}
		// The fast ones lose nothing to the crowd either: 1000 ms have 62 windows.
		expect(byKey.get('fast 0')!.length).toBeGreaterThan(55);
		expect(clock.pending).toBe(0);
	},
	60_000
);

test('flushing at any time neither loses a last value nor turns an order round', async () => {
	const { byKey, last, clock } = await crowd(4, 0.05);

	for (const [key, frames] of byKey) {
		expect(frames.at(-1)).toMatchObject({ n: last.get(key)! });
		for (const [i, { n }] of frames.slice(1).entries()) expect(n).toBeGreaterThan(frames[i]!.n);
	}
	expect(clock.pending).toBe(0);
});

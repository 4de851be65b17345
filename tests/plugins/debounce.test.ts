import { expect, test } from 'vitest';
import { definePlugin } from 'svelte-realtime/kernel';
import { debounce, debounced, type DebounceOptions } from 'svelte-realtime/plugins/debounce';
import { replay } from 'svelte-realtime/plugins/replay';
import { throttle } from 'svelte-realtime/plugins/throttle';
import { startKernel } from '../kernel/tracked.ts';
import { Random } from '../simulator/random.ts';

/** A kernel with the plugin, a connection that follows some topics, and what it has received. */
async function start(options: DebounceOptions = {}) {
	const limits: string[] = [];
	const watching = definePlugin({
		name: 'watching',
		setup: (kernel) => void kernel.hook('limited', ({ limit }) => void limits.push(limit))
	});
	const kernel = await startKernel([replay(), throttle(), debounce(options), watching]);
	const ada = await kernel.connect();
	for (const topic of ['a', 'b', 'search:1']) ada.connection.follow(topic);
	return {
		kernel,
		limits,
		debounce: kernel.use('debounce'),
		clock: kernel.clock,
		/** `event data` of each frame since the last look. */
		take: () => ada.take().map(({ event, data }) => `${event} ${JSON.stringify(data)}`)
	};
}

test('nothing goes out before there is silence, then the newest value does', async () => {
	const { debounce, clock, take } = await start();

	for (let n = 1; n <= 10; n += 1) {
		void debounce('a', 'set', n, 50);
		await clock.advance(49);
	}
	expect(take()).toEqual([]);
	await clock.advance(1);

	expect(take()).toEqual(['set 10']);
	await clock.advance(500);
	expect(take()).toEqual([]);
});

test('one that is not followed by another goes out after silence, once', async () => {
	const { debounce, clock, take } = await start();
	const timers = clock.pending;

	void debounce('a', 'set', undefined, 50);
	await clock.advance(50);

	expect(take()).toEqual(['set undefined']);
	expect(clock.pending).toBe(timers);
});

test('with maxWait silence is not waited for any longer, and waiting begins anew after it', async () => {
	const { debounce, clock, take } = await start();
	const sent: [number, string[]][] = [];

	for (let at = 0; at < 400; at += 40) {
		void debounce('a', 'set', at, 50, { maxWait: 150 });
		for (let ms = 0; ms < 40; ms += 1) {
			await clock.advance(1);
			const frames = take();
			if (frames.length > 0) sent.push([clock.now(), frames]);
		}
	}

	expect(sent).toEqual([
		[150, ['set 120']],
		[310, ['set 280']]
	]);
	await clock.advance(500);
	expect(take()).toEqual(['set 360']);
});

test('keys do not wait for each other', async () => {
	const { debounce, clock, take } = await start();
	void debounce('a', 'set', { key: 'quiet' }, 50);

	for (let n = 0; n < 5; n += 1) {
		await clock.advance(10);
		void debounce('a', 'set', { key: 'busy', n }, 50);
	}

	expect(take()).toEqual(['set {"key":"quiet"}']);
});

test('events of a key go out together, in the order of their newest values', async () => {
	const { debounce, clock, take } = await start();

	void debounce('a', 'updated', { id: 1, n: 1 }, 50);
	void debounce('a', 'deleted', { id: 1 }, 50);
	void debounce('a', 'updated', { id: 1, n: 2 }, 50);
	await clock.advance(50);

	expect(take()).toEqual(['deleted {"id":1}', 'updated {"id":1,"n":2}']);
});

test('a publisher is told of the publish that its value, or a newer one, went out with', async () => {
	const { debounce, clock } = await start();

	const results = [1, 2, 3].map((n) => debounce('a', 'set', n, 50));
	await clock.advance(50);

	expect(await Promise.all(results)).toMatchObject(Array(3).fill({ position: { seq: 1 } }));
});

test('0 ms publishes at once; what is no time is RT_OPTION_INVALID', async () => {
	const { debounce, take } = await start();
	const invalid = expect.objectContaining({ code: 'RT_OPTION_INVALID' });

	void debounce('a', 'set', 1, 0);

	expect(take()).toEqual(['set 1']);
	expect(() => debounce('a', 'set', 1, NaN)).toThrow(invalid);
	expect(() => debounce('a', 'set', 1, 50, { maxWait: -1 })).toThrow(invalid);
});

test('flush publishes what waits, and nothing is left to go out', async () => {
	const { debounce, clock, take } = await start();
	const timers = clock.pending;
	void debounce('a', 'set', 1, 50, { maxWait: 100 });
	void debounce('b', 'set', 2, 50);

	await debounce.flush('a');
	expect(take()).toEqual(['set 1']);
	await debounce.flush();

	expect(take()).toEqual(['set 2']);
	expect(clock.pending).toBe(timers);
});

test('cancel drops what waits, and tells its publishers', async () => {
	const { debounce, clock, take } = await start();
	const dropped = debounce('a', 'set', 1, 50);

	debounce.cancel('a');
	await clock.advance(500);

	expect(await dropped).toEqual({ status: 'rejected', code: 'DROPPED' });
	expect(take()).toEqual([]);
	expect(debounce.pending).toBe(0);
});

test('at shutdown what waits is published', async () => {
	const { kernel, debounce, clock } = await start();
	const waiting = debounce('a', 'set', 1, 50);

	await kernel.shutdown();

	expect(await waiting).toMatchObject({ status: 'ok', position: { seq: 1 } });
	expect(clock.pending).toBe(0);
});

test('past its timers a publish happens at once, and is counted', async () => {
	const { debounce, clock, take, limits } = await start({ timers: 2 });
	for (const key of [1, 2]) void debounce('a', 'set', key, 50, { key });
	const timers = clock.pending;

	void debounce('a', 'set', 'new key', 50, { key: 3 });
	void debounce('a', 'other', 'new event', 50, { key: 2 });

	expect(take()).toEqual(['set "new key"', 'set 2', 'other "new event"']);
	expect(limits).toEqual(['debounce.timers', 'debounce.timers']);
	expect(clock.pending).toBeLessThanOrEqual(timers);
	await clock.advance(50);
	expect(take()).toEqual(['set 1']);
});

test('topics of the config are debounced whoever publishes, and numbered afterwards', async () => {
	const { kernel, clock, take } = await start({ topics: { 'search:*': { ms: 50, maxWait: 80 } } });

	const results = [1, 2, 3].map((n) => kernel.publish('search:1', 'set', n));
	expect(take()).toEqual([]);
	await clock.advance(50);

	expect(take()).toEqual(['set 3']);
	expect(await Promise.all(results)).toMatchObject(Array(3).fill({ position: { seq: 1 } }));
});

test('what has been throttled is not debounced as well', async () => {
	const { kernel, take } = await start({ topics: { a: 50 } });

	void kernel.use('throttle')('a', 'set', 1, 20);

	expect(take()).toEqual(['set 1']);
});

test('debounced() is a publish function of its own', async () => {
	const kernel = await startKernel([]);
	const ada = await kernel.connect();
	ada.connection.follow('a');
	const publish = debounced(kernel.publish, 50, { maxWait: 60, clock: kernel.clock });

	for (let n = 1; n <= 4; n += 1) {
		void publish('a', 'set', n);
		await kernel.clock.advance(20);
	}
	await kernel.clock.advance(50);

	expect(ada.received.map(({ data }) => data)).toEqual([3, 4]);
});

test.each([1, 2, 3])(
	'at random: every last value goes out, none before its silence or its maxWait (seed %i)',
	async (seed) => {
		const random = new Random(seed);
		const kernel = await startKernel([]);
		const { clock } = kernel;
		const waiting = new Map<string, { first: number; last: number; n: number }>();
		const failures: string[] = [];
		const publish = debounced(
			(_topic, _event, data) => {
				const { key, n } = data as { key: string; n: number };
				const due = waiting.get(key);
				waiting.delete(key);
				const at = clock.now();
				const wanted = due && Math.min(due.last + 30, due.first + 100);
				if (due?.n !== n || at !== wanted) failures.push(`${key} ${n} at ${at} for ${wanted}`);
				return { status: 'ok', level: 'local' };
			},
			30,
			{ maxWait: 100, clock }
		);

		for (let n = 1; n <= 3000; n += 1) {
			const key = `key ${random.below(5)}`;
			const first = waiting.get(key)?.first ?? clock.now();
			waiting.set(key, { first, last: clock.now(), n });
			void publish('a', 'set', { key, n });
			if (random.chance(0.6)) await clock.advance(random.below(40));
		}
		await clock.advance(100);

		expect(failures).toEqual([]);
		expect(waiting.size).toBe(0);
		expect(clock.pending).toBe(0);
	},
	60_000
);

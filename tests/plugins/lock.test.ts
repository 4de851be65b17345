import { expect, test } from 'vitest';
import { definePlugin, type LiveError } from 'svelte-realtime/kernel';
import { live } from 'svelte-realtime';
import { lock, type Lock, type LockOptions } from 'svelte-realtime/plugins/lock';
import { queue } from 'svelte-realtime/plugins/queue';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { settle } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';
import { Random } from '../simulator/random.ts';

const code = (name: string): object => expect.objectContaining({ code: name });

/** A kernel with the plugin, and work that ends when the test says so. */
async function start(options: LockOptions = {}) {
	const limits: string[] = [];
	const watching = definePlugin({
		name: 'watching',
		setup: (kernel) => void kernel.hook('limited', ({ limit }) => void limits.push(limit))
	});
	const kernel = await startKernel([lock(options), queue(), watching]);
	const log: string[] = [];
	const ends = new Map<string, () => void>();
	const withLock: Lock = kernel.use('lock');
	return {
		kernel,
		clock: kernel.clock,
		lock: withLock,
		limits,
		log,
		hold: (key: string, name: string, ...rest: [Parameters<Lock>[2]?]) =>
			withLock(
				key,
				async () => {
					log.push(name);
					await new Promise<void>((resolve) => ends.set(name, resolve));
					return name;
				},
				...rest
			),
		async end(name: string) {
			ends.get(name)!();
			await settle();
		}
	};
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
	promise.then(
		() => Promise.reject(new Error('It was fulfilled.')),
		(error: unknown) => error
	);

test('who came first has the lock first, and keys do not wait for each other', async () => {
	const { lock, hold, end, log } = await start();
	const results = [hold('k', 'a'), hold('k', 'b'), hold('k', 'c'), hold('other', 'd')];

	expect(log).toEqual(['a', 'd']);
	expect([lock.size('k'), lock.size(), lock.size('free')]).toEqual([3, 4, 0]);
	for (const name of ['a', 'b', 'c', 'd']) await end(name);

	expect(log).toEqual(['a', 'd', 'b', 'c']);
	expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
	expect(lock.size()).toBe(0);
});

test('work that fails lets go of the lock', async () => {
	const { lock } = await start();
	const fail = () => {
		throw new Error('no');
	};

	expect(String(await failure(lock('k', fail)))).toBe('Error: no');
	expect(String(await failure(lock('k', async () => fail())))).toBe('Error: no');

	expect(await lock('k', () => 'free')).toBe('free');
});

test('clear turns away those who wait; the holder stays alone', async () => {
	const { lock, hold, end, log } = await start();
	const first = hold('k', 'a');
	const cleared = failure(hold('k', 'b'));

	lock.clear('k');
	expect(await cleared).toEqual(code('STALE'));
	const next = hold('k', 'c');
	expect(log).toEqual(['a']);
	await end('a');
	const last = hold('k', 'd');
	expect(log).toEqual(['a', 'c']);
	await end('c');
	await end('d');

	await Promise.all([first, next, last]);
	expect(log).toEqual(['a', 'c', 'd']);
});

test('who waits too long, or does not want it any more, leaves the line', async () => {
	const { hold, end, log, clock, lock } = await start({ size: 2, maxWait: 100, hold: 0 });
	const controller = new AbortController();
	const first = hold('k', 'a');
	const late = failure(hold('k', 'b'));
	const gone = failure(hold('k', 'c', { signal: controller.signal, maxWait: 0 }));

	controller.abort();
	await clock.advance(100);

	expect(await late).toMatchObject({ code: 'TIMEOUT' });
	expect(await gone).toEqual(code('STALE'));
	expect(lock.size('k')).toBe(1);
	const next = [hold('k', 'd'), hold('k', 'e')]; // there is room for two again
	for (const name of ['a', 'd', 'e']) await end(name);
	await Promise.all([first, ...next]);
	expect(log).toEqual(['a', 'd', 'e']);
	expect(clock.pending).toBe(0);
});

test('past its sizes a caller is QUEUE_FULL at once', async () => {
	const { hold, end, limits } = await start({ size: 1, total: 3 });
	const results = [hold('k', 'a'), hold('k', 'b')];

	expect(await failure(hold('k', 'c'))).toEqual(code('QUEUE_FULL'));
	results.push(hold('other', 'd'));
	expect(await failure(hold('third', 'e'))).toEqual(code('QUEUE_FULL'));

	expect(limits).toEqual(['lock.size', 'lock.total']);
	for (const name of ['a', 'b', 'd']) await end(name);
	await Promise.all(results);
});

test('who holds it for too long is told, and loses it a second later', async () => {
	const { kernel, hold, end, log, clock } = await start({ hold: 200 });
	const stuck = failure(hold('k', 'stuck'));
	const next = hold('k', 'next', { hold: 0 });

	await clock.advance(200);
	expect(await stuck).toEqual(code('TIMEOUT'));
	expect(log).toEqual(['stuck']);
	await clock.advance(1000);
	expect(log).toEqual(['stuck', 'next']);

	expect(String(kernel.errors.splice(0)[0]!.error)).toContain('runs on after its timeout');
	await end('stuck');
	await end('next');
	expect(await next).toBe('next');
});

// --- work that asks for what it holds ---

test('work that asks for a lock that it holds itself is CONFLICT instead of waiting for ever', async () => {
	const { lock } = await start();
	const asked: string[] = [];
	const ask = (key: string) => async () => {
		await settle();
		const error = (await failure(lock(key, () => {}))) as LiveError;
		asked.push(`${key} ${error.code}`);
	};

	await lock('outer', async () => {
		await ask('outer')();
		await lock('inner', async () => {
			await ask('inner')();
			await ask('outer')();
		});
		await lock('inner', () => asked.push('inner is free'));
	});

	expect(asked).toEqual(['outer CONFLICT', 'inner CONFLICT', 'outer CONFLICT', 'inner is free']);
});

test('what outlives the work that began it may ask for the lock', async () => {
	const { lock } = await start();
	let afterwards: Promise<string> | undefined;

	await lock('k', () => {
		afterwards = (async () => {
			await settle();
			return lock('k', () => 'mine again');
		})();
	});

	expect(await afterwards).toBe('mine again');
});

test('one who waits behind a holder is not taken for it', async () => {
	const { lock, hold, end } = await start();
	const first = hold('a', 'first');
	// Begun by the end of `first`, and asks for `b` while it holds `a`; then `b`’s holder asks for `c`.
	const second = lock('a', () => lock('b', () => lock('c', () => 'all three')));
	const third = lock('a', () => 'next');

	await end('first');

	expect(await Promise.all([first, second, third])).toEqual(['first', 'all three', 'next']);
});

// --- shutdown, live functions ---

test('at shutdown those who are in line have their turn, those who come are refused', async () => {
	const { kernel, hold, end } = await start();
	const results = [hold('k', 'a'), hold('k', 'b')];

	const down = kernel.shutdown();
	await settle();
	expect(await failure(hold('k', 'c'))).toEqual(code('SERVICE_UNAVAILABLE'));
	await end('a');
	await end('b');
	await down;

	expect(await Promise.all(results)).toEqual(['a', 'b']);
});

test('tasks of the queue can still have a lock while the queue is drained', async () => {
	const { kernel, lock } = await start();
	let begin = (): void => {};
	const gate = new Promise<void>((resolve) => (begin = resolve));
	const task = kernel.use('queue').push('k', async () => {
		await gate;
		return lock('k', () => 'locked');
	});

	const down = kernel.shutdown();
	await settle();
	begin();
	await down;

	expect(await task).toBe('locked');
});

test('in a live function its codes reach the caller', async () => {
	const kernel = await startKernel([rpc(), lock({ maxWait: 50 })]);
	let leave = (_: unknown): void => {};
	const book = live((ctx) => {
		return ctx.lock('seat', () => new Promise((resolve) => (leave = resolve)), { hold: 0 });
	});
	kernel.use('rpc').mount({ seats: { book } });
	const ada = await kernel.connect();

	await ada.send({ type: 'rpc', id: 1, path: 'seats/book' });
	await ada.send({ type: 'rpc', id: 2, path: 'seats/book' });
	await kernel.clock.advance(50);

	expect(ada.take()).toMatchObject([{ type: 'reply', id: 2, error: { code: 'TIMEOUT' } }]);
	leave('seated');
	await settle();
	expect(ada.take()).toMatchObject([{ type: 'reply', id: 1, data: 'seated' }]);
});

test.each([{ size: 0 }, { total: 0 }, { maxWait: NaN }, { hold: 2 ** 31 }])(
	'%j is RT_OPTION_INVALID',
	(options) => {
		expect(() => lock(options)).toThrow(code('RT_OPTION_INVALID'));
	}
);

test.each([1, 2, 3])(
	'at random: never two holders of a key, and everybody is answered (seed %i)',
	async (seed) => {
		const random = new Random(seed);
		const { kernel, lock, clock } = await start({ size: 4 });
		const holders = new Map<string, number>();
		const failures: string[] = [];
		let answered = 0;

		for (let n = 0; n < 800; n += 1) {
			const key = `key ${random.below(3)}`;
			const controller = new AbortController();
			const takes = random.below(30);
			const work = async (): Promise<void> => {
				holders.set(key, (holders.get(key) ?? 0) + 1);
				if (holders.get(key) !== 1) failures.push(`${key} ${n}`);
				await new Promise<void>((resolve) => clock.after(takes, resolve));
				holders.set(key, holders.get(key)! - 1);
				if (n % 7 === 0) throw new Error('no');
			};
			const options = { maxWait: random.below(2) * 40, signal: controller.signal };
			lock(key, work, options).then(
				() => (answered += 1),
				() => (answered += 1)
			);
			if (random.chance(0.1)) controller.abort();
			if (random.chance(0.05)) lock.clear(key);
			if (random.chance(0.5)) await clock.advance(random.below(20));
		}
		await clock.advance(1000);

		expect(failures).toEqual([]);
		expect(answered).toBe(800);
		expect([lock.size(), clock.pending]).toEqual([0, 0]);
		expect(takeErrors(kernel)).toEqual([]);
	},
	60_000
);

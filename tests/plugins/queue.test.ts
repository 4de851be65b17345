import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { definePlugin } from 'svelte-realtime/kernel';
import { queue, type Queue, type QueueOptions } from 'svelte-realtime/plugins/queue';
import { settle } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';
import { Random } from '../simulator/random.ts';

const code = (name: string): object => expect.objectContaining({ code: name });

/** A kernel with the plugin, and tasks that end when the test says so. */
async function start(options: QueueOptions = {}) {
	const limits: string[] = [];
	const watching = definePlugin({
		name: 'watching',
		setup: (kernel) => void kernel.hook('limited', ({ limit }) => void limits.push(limit))
	});
	const kernel = await startKernel([queue(options), watching]);
	const jobs = kernel.use('queue');
	const log: string[] = [];
	const ends = new Map<string, { resolve(value?: unknown): void; reject(error: unknown): void }>();
	const signals = new Map<string, AbortSignal>();
	return {
		kernel,
		clock: kernel.clock,
		queue: jobs,
		limits,
		/** The names of tasks, as they begin. */
		log,
		signals,
		push(key: string, name: string, ...rest: [Parameters<Queue['push']>[2]?]) {
			const task = (signal: AbortSignal): Promise<unknown> => {
				log.push(name);
				signals.set(name, signal);
				return new Promise((resolve, reject) => ends.set(name, { resolve, reject }));
			};
			return jobs.push(key, task, ...rest);
		},
		async end(name: string, value?: unknown) {
			ends.get(name)!.resolve(value);
			await settle();
		},
		async fail(name: string, error: unknown) {
			ends.get(name)!.reject(error);
			await settle();
		}
	};
}

/** What a promise is rejected with; it must be. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
	promise.then(
		() => Promise.reject(new Error('It was fulfilled.')),
		(error: unknown) => error
	);

// --- order ---

test('tasks of one key run one after the other, in their order, each with its result', async () => {
	const { push, end, log } = await start();
	const results = ['a', 'b', 'c'].map((name) => push('k', name));

	expect(log).toEqual(['a']);
	await end('a', 1);
	expect(log).toEqual(['a', 'b']);
	await end('b', 2);
	await end('c', 3);

	expect(await Promise.all(results)).toEqual([1, 2, 3]);
});

test('keys do not wait for each other', async () => {
	const { push, end, log, queue } = await start();
	const results = [push('one', 'a'), push('two', 'b'), push('__proto__', 'c')];

	expect(log).toEqual(['a', 'b', 'c']);
	for (const name of ['c', 'b', 'a']) await end(name);

	await Promise.all(results);
	expect(queue.size()).toBe(0);
});

test('with a concurrency of 2 two of a key run at once, and begin in their order', async () => {
	const { push, end, log } = await start({ concurrency: 2 });
	const results = ['a', 'b', 'c', 'd'].map((name) => push('k', name));

	expect(log).toEqual(['a', 'b']);
	await end('b');
	expect(log).toEqual(['a', 'b', 'c']);
	for (const name of ['a', 'c', 'd']) await end(name);

	expect(log).toEqual(['a', 'b', 'c', 'd']);
	await Promise.all(results);
});

test('a task that fails fails its caller, and the next one runs', async () => {
	const { queue, push, fail, end } = await start();
	const results = [
		push('k', 'a'),
		queue.push('k', () => {
			throw new Error('thrown');
		}),
		push('k', 'c')
	];
	const errors = results.slice(0, 2).map(failure);

	await fail('a', new Error('rejected'));
	await end('c', 'well');

	expect((await Promise.all(errors)).map(String)).toEqual(['Error: rejected', 'Error: thrown']);
	expect(await results[2]).toBe('well');
});

test('a task pushed from a task of its key comes after those that wait', async () => {
	const { queue, log } = await start();
	const pushed: Promise<unknown>[] = [];
	const add = (name: string): void => {
		pushed.push(queue.push('k', () => void log.push(name)));
	};

	await queue.push('k', async () => {
		add('a');
		await settle();
		add('b');
		expect(log).toEqual([]);
	});
	await Promise.all(pushed);

	expect(log).toEqual(['a', 'b']);
});

test('a long line of tasks that end at once does not go deep', async () => {
	const { queue, push, end } = await start({ size: 6000, total: 7000 });
	void push('k', 'first');
	let ran = 0;
	const results = Array.from({ length: 5000 }, () => queue.push('k', () => (ran += 1)));

	await end('first');

	expect((await Promise.all(results)).at(-1)).toBe(5000);
});

test('a task runs in the asynchronous context of its caller, not in that of the one before it', async () => {
	const { queue, push, end } = await start();
	const user = new AsyncLocalStorage<string>();
	const seen: unknown[] = [];
	const look = () => void seen.push(user.getStore());

	const first = user.run('ada', () => push('k', 'a'));
	const others = [
		user.run('bob', () => queue.push('k', look)),
		queue.push('k', look),
		user.run('eve', () => queue.push('k', look))
	];
	await end('a');
	await Promise.all([first, ...others]);

	expect(seen).toEqual(['bob', undefined, 'eve']);
});

// --- bounds ---

test('past the size of its line a push is QUEUE_FULL at once, other keys are not', async () => {
	const { push, end, limits, queue } = await start({ size: 2 });
	const results = ['a', 'b', 'c'].map((name) => push('k', name));

	expect(await failure(push('k', 'd'))).toMatchObject({ code: 'QUEUE_FULL', retryable: true });
	results.push(push('other', 'e'));
	expect(limits).toEqual(['queue.size']);
	await end('a');
	results.push(push('k', 'f'));

	expect(queue.size('k')).toBe(3);
	for (const name of ['b', 'c', 'e', 'f']) await end(name);
	await Promise.all(results);
});

test('past the total a push is QUEUE_FULL whatever its key', async () => {
	const { push, end, limits } = await start({ total: 3 });
	const results = ['a', 'b', 'c'].map((name) => push(name, name));

	expect(await failure(push('d', 'd'))).toEqual(code('QUEUE_FULL'));
	expect(limits).toEqual(['queue.total']);
	await end('b');
	results.push(push('d', 'd'));

	for (const name of ['a', 'c', 'd']) await end(name);
	await Promise.all(results);
});

test('a key of more than 256 characters, or none at all, is INVALID_REQUEST', async () => {
	const { push } = await start();

	expect(await failure(push('x'.repeat(257), 'a'))).toEqual(code('INVALID_REQUEST'));
	expect(await failure(push(undefined as never, 'a'))).toEqual(code('INVALID_REQUEST'));
});

test('lines that are empty are forgotten', async () => {
	const { queue } = await start({ total: 1 });

	for (let i = 0; i < 1000; i += 1) await queue.push(`key ${i}`, async () => i);

	expect(queue.size()).toBe(0);
});

test.each([{ concurrency: 0 }, { size: 1.5 }, { total: NaN }, { timeout: -1 }])(
	'%j is RT_OPTION_INVALID',
	(options) => {
		expect(() => queue(options)).toThrow(code('RT_OPTION_INVALID'));
	}
);

// --- time ---

test('a task that takes too long is TIMEOUT for its caller, and its signal says so', async () => {
	const { push, clock, signals, queue, end } = await start();
	const late = failure(push('k', 'a', { timeout: 100 }));

	await clock.advance(99);
	expect(signals.get('a')!.aborted).toBe(false);
	await clock.advance(1);

	expect(await late).toMatchObject({ code: 'TIMEOUT', retryable: true });
	expect(signals.get('a')!.reason).toEqual(code('TIMEOUT'));
	await end('a');
	expect(queue.size('k')).toBe(0);
	expect(clock.pending).toBe(0);
});

test('who heeds the signal ends alone: the next task begins after it', async () => {
	const { queue, push, clock, log, end } = await start({ timeout: 100 });
	const heeding = queue.push('k', async (signal) => {
		await new Promise((resolve) => signal.addEventListener('abort', resolve));
		await Promise.resolve();
		log.push('cleaned up');
	});
	const next = push('k', 'next');

	await Promise.all([failure(heeding), clock.advance(100)]);

	expect(log).toEqual(['cleaned up', 'next']);
	await end('next');
	await next;
});

test('who ignores the signal is left behind after a second, and it is reported', async () => {
	const { kernel, push, clock, log, end, queue } = await start({ timeout: 100 });
	const stuck = failure(push('k', 'stuck'));
	const next = push('k', 'next', { timeout: 0 });

	await clock.advance(100 + 999);
	expect(log).toEqual(['stuck']);
	await clock.advance(1);

	expect(log).toEqual(['stuck', 'next']);
	expect(await stuck).toEqual(code('TIMEOUT'));
	expect(kernel.errors.map(({ plugin, error }) => [plugin, String(error)])).toEqual([
		['queue', expect.stringContaining('runs on after its timeout')]
	]);
	takeErrors(kernel);
	await end('stuck'); // ends after all, and takes nobody's place with it
	expect(queue.size('k')).toBe(1);
	await end('next', 1);
	expect(await next).toBe(1);
});

test('a task without a timeout may run for ever', async () => {
	const { push, clock, end } = await start({ timeout: 0 });
	const result = push('k', 'a');

	await clock.advance(1e9);
	await end('a', 'done');

	expect(await result).toBe('done');
});

test('who has waited for maxWait is not run, and leaves its place in the line', async () => {
	const { push, clock, log, end, queue } = await start({ size: 1, timeout: 0 });
	const first = push('k', 'a');
	const late = failure(push('k', 'b', { maxWait: 50 }));

	await clock.advance(50);
	expect(await late).toEqual(code('TIMEOUT'));
	const third = push('k', 'c');
	await end('a');
	await end('c');

	expect(log).toEqual(['a', 'c']);
	await Promise.all([first, third]);
	expect(queue.size()).toBe(0);
	expect(clock.pending).toBe(0);
});

test('a caller that does not want it any more leaves the line', async () => {
	const { push, log, end, queue } = await start({ size: 2 });
	const controller = new AbortController();
	const { signal } = controller;
	const first = push('k', 'a');
	const gone = failure(push('k', 'b', { signal }));
	const last = push('k', 'c');

	controller.abort(new Error('closed the page'));
	expect(await gone).toMatchObject({ code: 'STALE', cause: expect.any(Error) as Error });
	expect(queue.size('k')).toBe(2);
	expect(await failure(push('k', 'd', { signal }))).toEqual(code('STALE'));
	await end('a');
	await end('c');

	await Promise.all([first, last]);
	expect(log).toEqual(['a', 'c']);
});

test('the signal of a running task aborts with its caller’s; what it comes to still counts', async () => {
	const { push, end, signals } = await start();
	const controller = new AbortController();
	const result = push('k', 'a', { signal: controller.signal });

	controller.abort();
	expect(signals.get('a')!.aborted).toBe(true);
	await end('a', 'done all the same');

	expect(await result).toBe('done all the same');
});

// --- clear, drain, shutdown ---

test('clear takes out what waits, of one key or of all, and leaves what runs', async () => {
	const { queue, push, end, log } = await start();
	const running = [push('one', 'a'), push('two', 'b')];
	const waiting = [push('one', 'c'), push('one', 'd'), push('two', 'e')].map(failure);

	queue.clear('one');
	expect([queue.size('one'), queue.size('two'), queue.size()]).toEqual([1, 2, 3]);
	queue.clear();
	running.push(push('one', 'f'));
	expect(log).toEqual(['a', 'b']);
	for (const name of ['a', 'b', 'f']) await end(name);

	expect(await Promise.all(waiting)).toEqual(Array(3).fill(code('STALE')));
	await Promise.all(running);
});

test('drain settles when nothing waits or runs any more, of one key or of all', async () => {
	const { queue, push, end } = await start();
	const results = [push('one', 'a'), push('one', 'b'), push('two', 'c')];
	const done: string[] = [];
	void queue.drain('one').then(() => done.push('one'));
	void queue.drain().then(() => done.push('all'));
	await queue.drain('nothing');

	await end('a');
	expect(done).toEqual([]);
	await end('b');
	expect(done).toEqual(['one']);
	await end('c');

	expect(done).toEqual(['one', 'all']);
	await Promise.all(results);
});

test('at shutdown what is there is done, and nothing new is taken', async () => {
	const { kernel, push, end, log } = await start();
	const results = [push('k', 'a'), push('k', 'b')];

	const down = kernel.shutdown();
	await settle();
	expect(await failure(push('k', 'c'))).toEqual(code('SERVICE_UNAVAILABLE'));
	await end('a', 1);
	await end('b', 2);
	await down;

	expect(await Promise.all(results)).toEqual([1, 2]);
	expect(log).toEqual(['a', 'b']);
});

test('what is left at half of the time of shutdown is refused, aborted and reported', async () => {
	const { kernel, push, clock, signals } = await start({ timeout: 0 });
	const results = [push('k', 'a'), push('k', 'b'), push('k', 'c')].map(failure);

	const down = kernel.shutdown();
	await clock.advance(kernel.limits.shutdownTimeout / 2);
	await down;

	expect(await Promise.all(results)).toEqual(Array(3).fill(code('SERVICE_UNAVAILABLE')));
	expect(signals.get('a')!.aborted).toBe(true);
	expect(String(kernel.errors.splice(0)[0]!.error)).toContain('2 waited and 1 ran');
	expect(clock.pending).toBe(0);
});

// --- failures that nobody waits for ---

test('a failure that nobody waits for is reported; one that somebody does is theirs alone', async () => {
	const { kernel, queue } = await start();
	const fail = () => {
		throw new Error('lost');
	};
	const heard = [
		(async () => await queue.push('awaited', fail))(),
		(async () => queue.push('returned', fail))(),
		queue.push('then', fail).then(() => {}),
		Promise.all([queue.push('all', fail)]),
		Promise.resolve(queue.push('resolved', fail))
	].map(failure);
	void queue.push('ignored', fail);
	void queue.push('ignored later', async () => {
		await settle();
		fail();
	});

	await Promise.all(heard);
	await queue.drain();
	await settle();

	expect(takeErrors(kernel)).toEqual(['queue Error: lost', 'queue Error: lost']);
});

// --- at random ---

test.each([1, 2, 3])(
	'at random: the order of a key holds, never more than its concurrency, all are answered (seed %i)',
	async (seed) => {
		const random = new Random(seed);
		const { kernel, queue, clock } = await start({ concurrency: 2, size: 5, timeout: 40 });
		const begun = new Map<string, number[]>();
		const running = new Map<string, number>();
		let most = 0;
		let answered = 0;
		let pushed = 0;

		for (let n = 0; n < 800; n += 1) {
			const key = `key ${random.below(4)}`;
			const takes = random.below(60);
			const controller = new AbortController();
			const task = (signal: AbortSignal): Promise<void> => {
				begun.set(key, [...(begun.get(key) ?? []), n]);
				running.set(key, (running.get(key) ?? 0) + 1);
				most = Math.max(most, running.get(key)!);
				return new Promise<void>((resolve) => {
					const done = (): void => {
						signal.removeEventListener('abort', done);
						stop();
						resolve();
					};
					const stop = clock.after(takes, done);
					signal.addEventListener('abort', done);
				}).finally(() => running.set(key, running.get(key)! - 1));
			};
			const { signal } = controller;
			pushed += 1;
			const options = { maxWait: random.below(2) * 30, signal };
			queue.push(key, task, options).then(
				() => (answered += 1),
				() => (answered += 1)
			);
			if (random.chance(0.1)) controller.abort();
			if (random.chance(0.01)) queue.clear(key);
			if (random.chance(0.5)) await clock.advance(random.below(20));
		}
		await clock.advance(1000);

		expect(answered).toBe(pushed);
		expect(most).toBe(2);
		for (const order of begun.values()) expect(order).toEqual([...order].sort((a, b) => a - b));
		expect([queue.size(), clock.pending]).toEqual([0, 0]);
		expect(takeErrors(kernel)).toEqual([]);
	},
	60_000
);

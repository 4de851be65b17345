import { expect, test } from 'vitest';
import { definePlugin, LiveError } from 'svelte-realtime/kernel';
import { live } from 'svelte-realtime';
import {
	dedup,
	memoryClaims,
	type DedupOptions,
	type DedupStore
} from 'svelte-realtime/plugins/dedup';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { provided, settle, VirtualClock } from 'svelte-realtime/testing';
import { dedupStoreContract } from '../contracts/dedup-store.ts';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

dedupStoreContract('memory', async (window) => {
	const clock = new VirtualClock();
	return {
		store: memoryClaims({ clock, window, size: 100 }),
		elapse: (ms) => clock.advance(ms),
		close: async () => {}
	};
});

async function start(options: DedupOptions = {}) {
	const limits: string[] = [];
	const watching = definePlugin({
		name: 'watching',
		setup: (kernel) => void kernel.hook('limited', ({ limit }) => void limits.push(limit))
	});
	const kernel = await startKernel([dedup(options), watching]);
	return { kernel, clock: kernel.clock, dedup: kernel.use('dedup'), limits };
}

/** Work that ends when the test says so. */
function work<T>(value: T) {
	let end = (): void => {};
	let runs = 0;
	const promise = new Promise<T>((resolve) => (end = () => resolve(value)));
	return {
		run: () => {
			runs += 1;
			return promise;
		},
		end: () => end(),
		get runs() {
			return runs;
		}
	};
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
	promise.then(
		() => Promise.reject(new Error('It was fulfilled.')),
		(error: unknown) => error
	);

test('what comes again while it runs, and when it is done, is told so and not run', async () => {
	const { dedup } = await start();
	const job = work('booked');
	const first = dedup.once('order 1', job.run);

	expect(await dedup.once('order 1', job.run)).toEqual({ first: false, state: 'running' });
	job.end();
	expect(await first).toEqual({ first: true, value: 'booked' });
	expect(await dedup.once('order 1', job.run)).toEqual({ first: false, state: 'done' });

	expect(job.runs).toBe(1);
	expect(await dedup.once('order 2', () => 'other')).toEqual({ first: true, value: 'other' });
});

test('work that fails lets go of its id, and fails its caller', async () => {
	const { dedup } = await start();
	const fail = () => {
		throw new Error('no');
	};

	expect(String(await failure(dedup.once('a', fail)))).toBe('Error: no');
	expect(String(await failure(dedup.once('a', async () => fail())))).toBe('Error: no');

	expect(await dedup.once('a', () => 'well')).toEqual({ first: true, value: 'well' });
});

test('after its window an id is new again', async () => {
	const { dedup, clock } = await start({ window: 100 });
	await dedup.once('a', () => 1);

	await clock.advance(99);
	expect(await dedup.once('a', () => 2)).toMatchObject({ first: false });
	await clock.advance(1);

	expect(await dedup.once('a', () => 3)).toEqual({ first: true, value: 3 });
});

test('work that runs for longer than the window is not run beside itself, nor right after', async () => {
	const { dedup, clock } = await start({ window: 100 });
	const job = work('slow');
	const first = dedup.once('a', job.run);

	await clock.advance(1000);
	expect(await dedup.once('a', job.run)).toEqual({ first: false, state: 'running' });
	job.end();
	await first;

	expect(await dedup.once('a', job.run)).toEqual({ first: false, state: 'done' });
	expect(job.runs).toBe(1);
});

test('a claim without work is held for its window, or until it is let go', async () => {
	const { dedup, clock } = await start({ window: 100 });

	expect([await dedup.claim('a'), await dedup.claim('a')]).toEqual([true, false]);
	await dedup.free('a');
	expect(await dedup.claim('a')).toBe(true);
	await clock.advance(100);
	expect(await dedup.claim('a')).toBe(true);

	const job = work(1);
	const running = dedup.once('b', job.run);
	await dedup.free('b'); // is not held by a claim
	expect(await dedup.claim('b')).toBe(false);
	job.end();
	await running;
});

test('no claim is given up for another one: at its size a new one is RATE_LIMITED', async () => {
	const { dedup, clock, limits } = await start({ size: 3, window: 100 });
	for (const id of ['a', 'b', 'c']) {
		await dedup.claim(id);
		await clock.advance(10);
	}

	for (let i = 0; i < 50; i += 1) {
		const error = (await failure(dedup.once(`flood ${i}`, () => 1))) as LiveError;
		expect(error).toMatchObject({ code: 'RATE_LIMITED', retryAfter: 70 });
	}
	expect(await Promise.all(['a', 'b', 'c'].map((id) => dedup.claim(id)))).toEqual(
		Array(3).fill(false)
	);
	expect(limits).toEqual(Array(50).fill('dedup.size'));
	await clock.advance(70);

	expect(await dedup.claim('d')).toBe(true);
});

test('work that outlasts its claim counts as well', async () => {
	const { dedup, clock } = await start({ size: 2, window: 100 });
	const jobs = [work(1), work(2)];
	const running = jobs.map((job, i) => dedup.once(`job ${i}`, job.run));
	await clock.advance(1000);

	expect(await failure(dedup.once('one more', () => 1))).toMatchObject({ code: 'RATE_LIMITED' });

	for (const job of jobs) job.end();
	await Promise.all(running);
});

test('claims that are over leave no timer behind', async () => {
	const { dedup, clock } = await start({ window: 100 });
	for (let i = 0; i < 20; i += 1) await dedup.claim(`id ${i}`);

	await clock.advance(200);

	expect(clock.pending).toBe(0);
});

test('an id of more than 256 characters, or none at all, is INVALID_REQUEST', async () => {
	const { dedup } = await start();

	for (const id of ['x'.repeat(257), undefined as never]) {
		expect(await failure(dedup.once(id, () => 1))).toMatchObject({ code: 'INVALID_REQUEST' });
		expect(await failure(dedup.claim(id))).toMatchObject({ code: 'INVALID_REQUEST' });
	}
});

test.each([{ window: 0 }, { window: NaN }, { size: 0 }, { size: Infinity }])(
	'%j is RT_OPTION_INVALID',
	(options) => {
		expect(() => dedup(options)).toThrow(expect.objectContaining({ code: 'RT_OPTION_INVALID' }));
	}
);

test('a store that fails before the work fails the caller; after it, the result counts', async () => {
	const gone = async (): Promise<never> => {
		throw new Error('store is gone');
	};
	let claim: DedupStore['claim'] = gone;
	const store: DedupStore = { claim: (...args) => claim(...args), done: gone, free: gone };
	const kernel = await startKernel([provided('dedup.store', store), dedup()]);
	const { once } = kernel.use('dedup');

	expect(String(await failure(once('a', () => 1)))).toBe('Error: store is gone');
	expect(takeErrors(kernel)).toEqual([]);
	claim = () => 'first';
	expect(await once('a', () => 1)).toEqual({ first: true, value: 1 });
	const error = await failure(once('b', () => Promise.reject(new Error('of the work'))));

	expect(String(error)).toBe('Error: of the work');
	expect(takeErrors(kernel)).toEqual(Array(2).fill('dedup Error: store is gone'));
});

test('in a live function the second of two equal webhooks is told, and its refusal has a code', async () => {
	const kernel = await startKernel([rpc(), dedup({ size: 1 })]);
	const hook = live(async (ctx, id: string) => {
		return (await ctx.dedup.once(id, () => 'booked')).first;
	});
	kernel.use('rpc').mount({ pay: { hook } });
	const ada = await kernel.connect();

	for (const [id, event] of ['e1', 'e1', 'e2'].entries()) {
		await ada.send({ type: 'rpc', id, path: 'pay/hook', args: [event] });
		await settle();
	}

	expect(ada.received).toMatchObject([
		{ id: 0, data: true },
		{ id: 1, data: false },
		{ id: 2, error: { code: 'RATE_LIMITED', retryAfter: 300_000 } }
	]);
});

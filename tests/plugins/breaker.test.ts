import * as v from 'valibot';
import { expect, test } from 'vitest';
import { createBreaker, live, LiveError, type BreakerOptions } from 'svelte-realtime';
import { breakers } from 'svelte-realtime/plugins/breaker';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { settle, VirtualClock } from 'svelte-realtime/testing';
import { startKernel } from '../kernel/tracked.ts';

const BROKEN = new Error('the store is down');
const broken = (): never => {
	throw BROKEN;
};
const CLOSED = { code: 'SERVICE_UNAVAILABLE' };

/** A breaker on a clock of its own, and what it has changed to. */
function made(options: BreakerOptions = {}) {
	const clock = new VirtualClock();
	const changes: string[] = [];
	const onChange: BreakerOptions['onChange'] = (state, before) =>
		void changes.push(`${before} → ${state}`);
	const breaker = createBreaker({ clock, onChange, ...options });
	const fail = (times: number): void => {
		for (let n = 0; n < times; n += 1) expect(() => breaker.run(broken)).toThrow(BROKEN);
	};
	return { breaker, clock, changes, fail };
}

/** Work that ends when a test says. */
function pending() {
	let resolve!: (value: string) => void;
	let reject!: (error: unknown) => void;
	const promise = new Promise<string>((...both) => ([resolve, reject] = both));
	return { work: () => promise, resolve, reject };
}

test('it opens after as many failures in a row as it is told, and then refuses at once', () => {
	const { breaker, fail, changes } = made({ failures: 3, resetAfter: 1000 });
	let runs = 0;

	fail(2);
	expect(breaker.run(() => 'fine')).toBe('fine');
	fail(2);
	expect(breaker.state).toBe('closed');
	fail(1);

	expect([breaker.state, breaker.isHealthy]).toEqual(['open', false]);
	expect(() => breaker.run(() => (runs += 1))).toThrow(
		expect.objectContaining({ ...CLOSED, retryAfter: 1000 }) as Error
	);
	expect(() => breaker.guard()).toThrow(expect.objectContaining(CLOSED) as Error);
	expect(runs).toBe(0);
	expect(changes).toEqual(['closed → open']);
});

test('without options five failures open it for 30 seconds', async () => {
	const { breaker, fail, clock } = made();

	fail(4);
	expect(breaker.state).toBe('closed');
	fail(1);
	await clock.advance(29_999);
	expect(() => breaker.run(() => 1)).toThrow(expect.objectContaining({ retryAfter: 1 }) as Error);
	await clock.advance(1);

	expect(breaker.run(() => 1)).toBe(1);
});

test('when its time is over one attempt decides, and everybody else is refused meanwhile', async () => {
	const { breaker, fail, clock, changes } = made({ failures: 1, resetAfter: 100 });
	fail(1);
	await clock.advance(100);
	const attempt = pending();

	const first = breaker.run(attempt.work);
	expect(breaker.state).toBe('half-open');
	for (let n = 0; n < 10; n += 1) {
		expect(() => breaker.run(() => 1)).toThrow(expect.objectContaining(CLOSED) as Error);
	}
	attempt.resolve('back');

	expect(await first).toBe('back');
	expect(breaker.isHealthy).toBe(true);
	expect(changes).toEqual(['closed → open', 'open → half-open', 'half-open → closed']);
});

test('an attempt that fails opens it for as long again', async () => {
	const { breaker, fail, clock } = made({ failures: 3, resetAfter: 100 });
	fail(3);
	await clock.advance(100);

	fail(1);

	expect(() => breaker.run(() => 1)).toThrow(expect.objectContaining({ retryAfter: 100 }) as Error);
});

test('an attempt that never ends has a deadline, and leaves nothing stuck', async () => {
	const { breaker, fail, clock } = made({ failures: 1, resetAfter: 100, probeTimeout: 50 });
	fail(1);
	await clock.advance(100);
	const attempt = pending();

	const first = breaker.run(attempt.work);
	first.catch(() => {});
	await clock.advance(50);
	await expect(first).rejects.toMatchObject({ code: 'TIMEOUT' });
	expect(breaker.state).toBe('open');
	await clock.advance(99);
	attempt.resolve('too late');
	await settle();
	expect(breaker.state).toBe('open');
	await clock.advance(1);

	expect(breaker.run(() => 'next')).toBe('next');
	expect(breaker.state).toBe('closed');
});

test('what began before it opened, or before it closed, decides nothing', async () => {
	const { breaker, fail, clock } = made({ failures: 1, resetAfter: 100 });
	const [early, late] = [pending(), pending()];
	const ignored = [breaker.run(early.work), breaker.run(late.work)];
	fail(1);
	early.resolve('old');
	await settle();
	expect(breaker.state).toBe('open');

	await clock.advance(100);
	breaker.run(() => 1);
	late.reject(BROKEN);

	await expect(ignored[1]).rejects.toThrow(BROKEN);
	expect(breaker.state).toBe('closed');
});

test('a refusal is no failure: it neither counts nor ends a row', async () => {
	const { breaker, fail, clock } = made({ failures: 2, resetAfter: 100 });
	const refuse = (error: unknown): void =>
		expect(() =>
			breaker.run(() => {
				throw error;
			})
		).toThrow();
	const refusals = [
		new LiveError('FORBIDDEN'),
		new LiveError('VALIDATION'),
		{ status: 404, body: {} },
		{ status: 303, location: '/login' }
	];

	for (const error of [...refusals, ...refusals]) refuse(error);
	expect(breaker.state).toBe('closed');
	fail(1);
	for (const error of refusals) refuse(error);
	fail(1);
	expect(breaker.state).toBe('open');

	// As an attempt it says nothing: the next one is made at once.
	await clock.advance(100);
	refuse(new LiveError('FORBIDDEN'));
	expect(breaker.run(() => 'next')).toBe('next');
	expect(breaker.state).toBe('closed');
});

test.each(['SERVICE_UNAVAILABLE', 'TIMEOUT', 'INTERNAL_ERROR'] as const)(
	'a LiveError %s is a failure',
	(code) => {
		const { breaker } = made({ failures: 1 });

		expect(() =>
			breaker.run(() => {
				throw new LiveError(code);
			})
		).toThrow();

		expect(breaker.state).toBe('open');
	}
);

test('a listener that fails keeps nothing from happening', () => {
	const heard: string[] = [];
	const shown: unknown[] = [];
	const { error: log } = console;
	console.error = (...args) => shown.push(args[1]);
	const { breaker, fail } = made({ failures: 1, onChange: broken });
	const stop = breaker.onChange((state) => heard.push(state));

	fail(1);
	stop();
	console.error = log;

	expect([heard, shown, breaker.state]).toEqual([['open'], [BROKEN], 'open']);
});

test.each([
	['failures', 0],
	['resetAfter', -1],
	['resetAfter', NaN],
	['probeTimeout', 0]
])('the option %s cannot be %s', (name, value) => {
	expect(() => createBreaker({ [name]: value })).toThrow(/RT_OPTION_INVALID.*createBreaker/);
});

// --- live.breaker() ---

async function serving(fallback?: object) {
	const breaker = createBreaker({ failures: 2, resetAfter: 1000 });
	let isDown = true;
	const runs: unknown[] = [];
	const work = (...args: unknown[]): string => {
		runs.push(args[1]);
		if (isDown) throw BROKEN;
		return 'sent';
	};
	const send = live.breaker({ breaker, ...fallback }, live(v.string(), work));
	const rows = live.breaker(
		{ breaker },
		live.stream('rows', () => [work(0, 'rows')], { merge: 'latest', key: 'x' })
	);
	const kernel = await startKernel([rpc(), breakers(), replay(), streams()]);
	kernel.mount({ app: { send, rows } });
	const ada = await kernel.connect();
	const failing = async (times: number): Promise<void> => {
		for (let n = 0; n < times; n += 1) {
			await expect(ada.call('app/send', 'x')).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
		}
		kernel.errors.length = 0;
	};
	return { kernel, ada, breaker, runs, failing, send, repair: () => void (isDown = false) };
}

test('a function behind it is left alone while it is open, by the time of the server', async () => {
	const { kernel, ada, runs, failing, repair } = await serving();
	await failing(2);
	repair();

	await expect(ada.call('app/send', 'x')).rejects.toMatchObject({ ...CLOSED, retryAfter: 1000 });
	await expect(ada.follow('app/rows')).rejects.toMatchObject(CLOSED);
	expect(runs).toHaveLength(2);
	await kernel.clock.advance(1000);

	expect(await ada.call('app/send', 'x')).toBe('sent');
	expect(await ada.follow('app/rows')).toMatchObject({ data: ['sent'] });
});

test('a stream behind it counts as well, with every function that shares the breaker', async () => {
	const { kernel, ada, breaker } = await serving();

	for (let n = 0; n < 2; n += 1) {
		await expect(ada.follow('app/rows')).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
	}
	kernel.errors.length = 0;

	expect(breaker.state).toBe('open');
	await expect(ada.call('app/send', 'x')).rejects.toMatchObject(CLOSED);
});

test('who is refused before the function is no failure of it', async () => {
	const { ada, breaker, runs } = await serving();

	for (let n = 0; n < 5; n += 1) {
		await expect(ada.call('app/send', 7)).rejects.toMatchObject({ code: 'VALIDATION' });
	}

	expect([breaker.state, runs]).toEqual(['closed', []]);
});

test('while it is open a fallback answers: a value, or a function of the arguments', async () => {
	const value = await serving({ fallback: undefined });
	await value.failing(2);
	expect(await value.ada.call('app/send', 'x')).toBe(undefined);

	const made = await serving({ fallback: (_ctx: unknown, text: string) => `later: ${text}` });
	await made.failing(2);
	expect(await made.ada.call('app/send', 'hello')).toBe('later: hello');
	expect(made.runs).toHaveLength(2);
});

test('the attempt that takes too long gets the fallback as well', async () => {
	const breaker = createBreaker({ failures: 1, resetAfter: 100, probeTimeout: 50 });
	let work = (): Promise<string> => Promise.reject(BROKEN);
	const send = live.breaker(
		{ breaker, fallback: 'later' },
		live(() => work())
	);
	const kernel = await startKernel([rpc(), breakers()]);
	kernel.mount({ app: { send } });
	const ada = await kernel.connect();
	await expect(ada.call('app/send')).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
	kernel.errors.length = 0;
	work = () => new Promise(() => {});
	await kernel.clock.advance(100);

	const answer = ada.call('app/send');
	await settle();
	await kernel.clock.advance(50);

	expect(await answer).toBe('later');
	expect(breaker.state).toBe('open');
});

test('it stands with other wrappers in any order, and their refusals are not counted', async () => {
	const breaker = createBreaker({ failures: 1 });
	const inner = live.breaker(
		{ breaker },
		live.gate(() => false, live(broken))
	);
	const outer = live.gate(() => false, live.breaker({ breaker }, live(broken)));
	const kernel = await startKernel([rpc(), breakers()]);
	kernel.mount({ app: { inner, outer } });
	const ada = await kernel.connect();

	for (const path of ['app/inner', 'app/outer']) {
		await expect(ada.call(path)).rejects.toMatchObject({ code: 'FORBIDDEN' });
	}

	expect(breaker.isHealthy).toBe(true);
});

test('what has no work of its own cannot be put behind it', () => {
	const breaker = createBreaker();
	const channel = live.channel('c', { events: { a: null } });
	const log = live.stream('l', null, { merge: 'latest' });

	for (const wrong of [channel, log, 1, undefined]) {
		expect(() => live.breaker({ breaker }, wrong as never)).toThrow(/RT_LIVE_ARGUMENTS/);
	}
	expect(() => live.breaker({} as never, live(broken))).toThrow(/RT_LIVE_ARGUMENTS/);
});

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LAST_STEPS, shutDown, type ShutdownSteps } from '../../adapter/runtime/shutdown.ts';

const EVENT = 'sveltekit:shutdown' as never;
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => {
	process.removeAllListeners(EVENT);
	vi.useRealTimers();
	vi.restoreAllMocks();
});

const never = new Promise<void>(() => {});
const sleep = (time: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time));

/** The end of a server, and after how many milliseconds each of its steps came. */
function end(timeout: number, requests: Promise<void> = Promise.resolve()) {
	const order: [string, number][] = [];
	const begun = performance.now();
	const note = (what: string): void => void order.push([what, performance.now() - begun]);
	const steps: ShutdownSteps = {
		timeout,
		site: {
			handle: () => {},
			drain: () => {},
			isDraining: true,
			idle: () => requests,
			abort: () => note('cut')
		},
		stopListening: async () => {},
		closeApp: async () => note('closed'),
		release: async () => note('released')
	};
	void shutDown(steps, 'SIGTERM').then(() => note('through'));
	return order;
}

test('a listener of the end gets what is left of the time', async () => {
	process.on(EVENT, async () => sleep(20_000));
	const order = end(30_000);
	await vi.advanceTimersByTimeAsync(60_000);

	expect(order.at(-1)).toEqual(['through', 20_000]);
});

test('one that never is through is not waited for beyond that', async () => {
	process.on(EVENT, async () => never);
	const order = end(30_000);
	await vi.advanceTimersByTimeAsync(60_000);

	expect(order.at(-1)).toEqual(['through', 30_000]);
});

test('requests that take all the time leave it a moment', async () => {
	const asked: number[] = [];
	process.on(EVENT, async () => {
		asked.push(performance.now());
		await never;
	});
	const begun = performance.now();
	const order = end(30_000, never);
	await vi.advanceTimersByTimeAsync(60_000);

	expect(asked.map((time) => time - begun)).toEqual([30_000]);
	expect(order).toEqual([
		['closed', 0],
		['cut', 30_000],
		['released', 30_000 + LAST_STEPS],
		['through', 30_000 + LAST_STEPS]
	]);
});

test('nothing is cut, and no listener asked, while a request is under way', async () => {
	const reasons: string[] = [];
	process.on(EVENT, (reason: string) => void reasons.push(reason));
	const order = end(30_000, sleep(12_000));

	await vi.advanceTimersByTimeAsync(11_999);
	expect([order, reasons]).toEqual([[['closed', 0]], []]);
	await vi.advanceTimersByTimeAsync(1);
	expect(order.at(-1)).toEqual(['through', 12_000]);
	expect(reasons).toEqual(['SIGTERM']);
});

test('a listener that fails is told, and keeps nobody from the rest', async () => {
	const reports = vi.spyOn(console, 'error').mockImplementation(() => {});
	process.on(EVENT, () => {
		throw new Error('its own fault');
	});
	let isAsked = false;
	process.on(EVENT, () => void (isAsked = true));
	const order = end(1000);
	await vi.advanceTimersByTimeAsync(0);

	expect([order.at(-1), isAsked]).toEqual([['through', 0], true]);
	expect(reports).toHaveBeenCalledWith(expect.objectContaining({ message: 'its own fault' }));
});

import { expect, test } from 'vitest';
import { deny, HANDLED, type Denial } from 'svelte-realtime/kernel';
import { chain, runClaim, runGate, runNotice } from '../../kernel/run.ts';

type Handler = (ctx: never) => unknown;

const entries = (...handlers: Handler[]): { plugin: string; handler: Handler }[] =>
	handlers.map((handler, i) => ({ plugin: `plugin ${i}`, handler }));

/** Collects failures, and refuses as the kernel does. */
function failures() {
	const all: string[] = [];
	const fail = (plugin: string, error: unknown): Denial => {
		all.push(`${plugin}: ${String(error)}`);
		return deny('INTERNAL_ERROR');
	};
	return { all, fail };
}

const boom: Handler = () => {
	throw new Error('boom');
};
const late =
	(verdict: unknown): Handler =>
	() =>
		Promise.resolve(verdict);
const reject: Handler = () => Promise.reject(new Error('boom'));

// --- gates ---

test('gates that say nothing let through, at once where none of them is asynchronous', () => {
	const { fail } = failures();

	expect(runGate(entries(), {}, fail)).toBeUndefined();
	expect(
		runGate(
			entries(
				() => {},
				() => undefined
			),
			{},
			fail
		)
	).toBeUndefined();
});

test('the first gate that refuses ends it', async () => {
	const seen: number[] = [];
	const { fail } = failures();
	const gates = entries(
		() => void seen.push(1),
		() => {
			seen.push(2);
			return deny('FORBIDDEN', 'no');
		},
		() => void seen.push(3)
	);

	expect(runGate(gates, {}, fail)).toEqual(deny('FORBIDDEN', 'no'));
	expect(seen).toEqual([1, 2]);
});

test('an asynchronous gate holds the later ones, and may refuse', async () => {
	const seen: number[] = [];
	const { fail } = failures();
	let finish!: (verdict: unknown) => void;
	const gates = entries(
		() => new Promise((resolve) => (finish = resolve)),
		() => void seen.push(2)
	);

	const passed = runGate(gates, {}, fail);
	expect(seen).toEqual([]);
	finish(undefined);
	expect(await passed).toBeUndefined();
	expect(seen).toEqual([2]);

	const refused = runGate(gates, {}, fail);
	finish(deny('FORBIDDEN'));
	expect(await refused).toEqual(deny('FORBIDDEN'));
	expect(seen).toEqual([2]);
});

test.each([boom, reject])(
	'a gate that fails refuses with INTERNAL_ERROR and is reported',
	async (gate) => {
		const { all, fail } = failures();

		expect(
			await runGate(
				entries(() => {}, gate),
				{},
				fail
			)
		).toEqual(deny('INTERNAL_ERROR'));
		expect(all).toEqual(['plugin 1: Error: boom']);
	}
);

test.each([true, false, null, 1, 'yes', {}, Symbol('x'), Object.create(null)])(
	'a gate that answers %o refuses: only nothing is consent',
	async (verdict) => {
		const sync = failures();
		const async = failures();

		expect(
			await runGate(
				entries(() => verdict),
				{},
				sync.fail
			)
		).toEqual(deny('INTERNAL_ERROR'));
		expect(await runGate(entries(late(verdict)), {}, async.fail)).toEqual(deny('INTERNAL_ERROR'));

		expect([sync.all.length, async.all.length]).toEqual([1, 1]);
	}
);

// --- claims ---

test('a frame is offered in order until a handler claims it', () => {
	const seen: number[] = [];
	const { fail } = failures();
	const claims = entries(
		() => void seen.push(1),
		() => {
			seen.push(2);
			return HANDLED;
		},
		() => void seen.push(3)
	);

	expect(runClaim(claims, {}, fail)).toBe(true);
	expect(seen).toEqual([1, 2]);
	expect(
		runClaim(
			entries(() => {}),
			{},
			fail
		)
	).toBe(false);
});

test('an asynchronous claim holds the later ones', async () => {
	const { fail } = failures();
	const next: unknown[] = [];
	const after: Handler = (ctx) => void next.push(ctx);

	expect(await runClaim(entries(late(HANDLED), after), {}, fail)).toBe(true);
	expect(next).toHaveLength(0);
	expect(await runClaim(entries(late(undefined), after), {}, fail)).toBe(false);
	expect(next).toHaveLength(1);
});

test.each([boom, reject])('a claim that fails has claimed, and is reported', async (claim) => {
	const { all, fail } = failures();
	let reached = false;

	expect(
		await runClaim(
			entries(claim, () => void (reached = true)),
			{},
			fail
		)
	).toBe(true);
	expect(reached).toBe(false);
	expect(all).toEqual(['plugin 0: Error: boom']);
});

// --- notices ---

test('every handler of a notice runs, whatever the others do', async () => {
	const seen: number[] = [];
	const { all, fail } = failures();
	const notices = entries(
		boom,
		() => void seen.push(1),
		reject,
		() => void seen.push(2),
		() => 'whatever'
	);

	await runNotice(notices, {}, fail);

	expect(seen).toEqual([1, 2]);
	expect(all).toEqual(['plugin 0: Error: boom', 'plugin 2: Error: boom']);
});

test('handlers of a notice run one after the other, synchronously until one is not', async () => {
	const seen: string[] = [];
	const { fail } = failures();
	let finish!: () => void;
	const notices = entries(
		() => void seen.push('a'),
		() => new Promise<void>((resolve) => (finish = resolve)),
		() => void seen.push('b')
	);

	const done = runNotice(notices, {}, fail);
	expect(seen).toEqual(['a']);
	finish();
	await done;

	expect(seen).toEqual(['a', 'b']);
	expect(
		runNotice(
			entries(() => {}),
			{},
			fail
		)
	).toBeUndefined();
});

// --- chain ---

test('`chain` goes on at once with a value, and later with a promise', async () => {
	const double = (n: number): number => n * 2;

	expect(chain(2, double)).toBe(4);
	expect(await chain(Promise.resolve(2), double)).toBe(4);
});

import { live, LiveError } from 'svelte-realtime';
import { expect, test } from 'vitest';
import { settle } from './fake-server.ts';
import { network, type Fate } from './network.ts';

/** Functions that count how often each input was run; the late ones wait for `finish`. */
function counting() {
	const runs = new Map<string, number>();
	let waiting: (() => void)[] = [];
	const count = (key: string): void => void runs.set(key, (runs.get(key) ?? 0) + 1);
	return {
		runs,
		finish() {
			for (const done of waiting.splice(0)) done();
		},
		modules: {
			test: {
				now: live((_ctx, key: string) => {
					count(key);
					return key;
				}),
				fail: live((_ctx, key: string) => {
					count(key);
					throw new LiveError('CONFLICT', key);
				}),
				later: live(async (_ctx, key: string) => {
					count(key);
					await new Promise<void>((done) => waiting.push(done));
					return key;
				})
			}
		}
	};
}

async function outcome(promise: Promise<unknown>): Promise<string> {
	return promise.then(
		(value) => `done ${String(value)}`,
		(error: { code?: string; message: string }) =>
			error.code === 'CONFLICT' ? `done ${error.message}` : String(error.code ?? error)
	);
}

interface Story {
	/** The fate of each message that is not to arrive, by its number. */
	readonly fates: ReadonlyMap<number, Fate>;
	/** The server restarts after the first cut. */
	readonly restarts: boolean;
}

/** Makes a few calls on a network that breaks as the story says; returns what became of them. */
async function tell({ fates, restarts }: Story) {
	const { runs, finish, modules } = counting();
	const net = await network(modules);
	let cuts = 0;
	net.fate = (index) => {
		const fate = fates.get(index) ?? 'arrives';
		if (fate !== 'arrives') cuts += 1;
		return fate;
	};
	const client = net.client();
	const outcomes = new Map<string, string>();
	let made = 0;
	const call = (name: string): void => {
		const key = `${name} ${(made += 1)}`;
		void outcome(client.call(`test/${name}`)(key)).then((end) => outcomes.set(key, end));
	};

	let restarted = false;
	const turn = async (): Promise<void> => {
		await settle();
		if (restarts && cuts > 0 && !restarted) {
			restarted = true;
			await net.restart();
		}
		await net.clock.advance(1500);
	};
	call('now');
	call('later');
	await turn();
	call('fail');
	call('now');
	await turn();
	finish();
	await turn();
	call('now');
	for (let i = 0; i < 6; i += 1) {
		await turn();
		finish();
	}
	await settle();
	client.close();
	await settle();
	return { runs, outcomes, made, messages: net.messages.length, cuts };
}

function judge(story: Story, told: Awaited<ReturnType<typeof tell>>): void {
	const what = JSON.stringify([...story.fates, story.restarts]);
	expect(told.outcomes.size, `${what}: every call is over`).toBe(told.made);
	for (const [key, end] of told.outcomes) {
		const times = told.runs.get(key) ?? 0;
		if (end === `done ${key}`) expect(times, `${what}: ${key}`).toBe(1);
		else {
			expect(end, `${what}: ${key}`).toBe('UNKNOWN_OUTCOME');
			expect(story.restarts, `${what}: ${key} is known to a server that lives on`).toBe(true);
			expect(times, `${what}: ${key}`).toBeLessThanOrEqual(1);
		}
	}
}

test('wherever the connection is cut, once or twice, each call runs once', async () => {
	const calm = await tell({ fates: new Map(), restarts: false });
	expect(calm.messages).toBeGreaterThanOrEqual(8);
	expect(calm.cuts).toBe(0);
	let unknown = 0;
	for (const restarts of [false, true]) {
		for (let first = 0; first < calm.messages; first += 1) {
			for (const fate of ['lost', 'late'] as const) {
				for (let second = first; second < calm.messages + 6; second += 1) {
					const fates = new Map<number, Fate>([
						[second, 'lost'],
						[first, fate]
					]);
					const story = { fates, restarts };
					const told = await tell(story);
					judge(story, told);
					unknown += [...told.outcomes.values()].filter((end) => end === 'UNKNOWN_OUTCOME').length;
				}
			}
		}
	}
	expect(unknown, 'restarts leave calls behind of which nobody knows').toBeGreaterThan(0);
}, 60_000);

test('a call that was given up is not run by what arrives late', async () => {
	const { runs, modules } = counting();
	const net = await network(modules);
	const client = net.client();
	expect(await client.call('test/now')('first')).toBe('first');
	const abort = new AbortController();
	net.fate = (index) => (net.messages[index]!.includes('given up') ? 'late' : 'arrives');

	const given = outcome(client.call('test/now').with({ signal: abort.signal })('given up'));
	await settle();
	abort.abort(new Error('never mind'));
	expect(await given).toBe('Error: never mind');
	const next = client.call('test/now')('next');
	await net.clock.advance(1500);

	expect(await next).toBe('next');
	expect(runs).toEqual(
		new Map([
			['first', 1],
			['next', 1]
		])
	);
});

test('a call that is given up is cancelled on the server, at once or after a reconnect', async () => {
	const seen: string[] = [];
	const net = await network({
		test: {
			wait: live(async (ctx, key: string) => {
				await new Promise<void>((done) => ctx.abortSignal.addEventListener('abort', () => done()));
				seen.push(key);
			})
		}
	});
	const client = net.client();
	const wait = client.call('test/wait');
	const abort = new AbortController();
	const ends = [
		outcome(wait.with({ timeout: 1000 })('times out')),
		outcome(wait.with({ signal: abort.signal })('aborted')),
		outcome(wait.with({ timeout: 5000 })('offline'))
	];
	await settle();
	abort.abort(new Error('enough'));
	await settle();
	expect(seen).toEqual(['aborted']);
	await net.clock.advance(1000);
	expect(seen).toEqual(['aborted', 'times out']);
	await net.clock.advance(3900);
	net.cut();
	await net.clock.advance(100);
	expect(seen).toHaveLength(2);
	await net.clock.advance(1000);

	expect(seen).toEqual(['aborted', 'times out', 'offline']);
	expect(await Promise.all(ends)).toEqual(['TIMEOUT', 'Error: enough', 'TIMEOUT']);
});

test('a signal that is aborted already sends nothing', async () => {
	const { runs, modules } = counting();
	const net = await network(modules);
	const signal = AbortSignal.abort(new Error('no'));

	const end = await outcome(net.client().call('test/now').with({ signal })('x'));
	await settle();

	expect([end, runs.size]).toEqual(['Error: no', 0]);
});

test('a sequential batch runs in order, and every call of it is over', async () => {
	const order: string[] = [];
	const finish: (() => void)[] = [];
	const net = await network({
		test: {
			slow: live(async (_ctx, key: string) => {
				await new Promise<void>((done) => finish.push(done));
				order.push(key);
				if (key === 'bad') throw new LiveError('CONFLICT', key);
			}),
			fast: live((_ctx, key: string) => void order.push(key))
		}
	});
	const client = net.client();
	const calls: Promise<unknown>[] = [];
	const batch = outcome(
		client.batch(
			() => {
				calls.push(client.call('test/slow')('bad'), client.call('test/fast')('second'));
				return calls;
			},
			{ sequential: true }
		)
	);
	await settle();
	expect(order).toEqual([]);
	finish[0]!();

	expect(await batch).toBe('done bad');
	expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual([
		'rejected',
		'fulfilled'
	]);
	expect(order).toEqual(['bad', 'second']);
});

test('results are acknowledged as calls go on, so that the server need not keep them', async () => {
	const { modules } = counting();
	const net = await network(modules);
	const client = net.client();
	for (let i = 0; i < 100; i += 1) await client.call('test/now')(`call ${i}`);

	const done = net.messages.flatMap((text) => /"done":(\d+)/.exec(text)?.[1] ?? []);
	expect(done.map(Number)).toEqual([16, 32, 48, 64, 80, 96]);
});

import { live, LiveError } from 'svelte-realtime';
import { expect, test } from 'vitest';
import { memoryCalls } from 'svelte-realtime/plugins/rpc';
import { provided, VirtualClock } from 'svelte-realtime/testing';
import { seeded, seedOf } from '../kernel/random.ts';
import { settle } from './fake-server.ts';
import { mail } from './mail.ts';
import { network, type Fate } from './network.ts';

type Random = ReturnType<typeof seeded>;

/**
 * A client that is led to another of three instances with each connection, over a network that loses
 * messages, holds them back, and now and then an instance with all that it knew.
 */
async function tell(random: Random) {
	const runs = new Map<string, number>();
	let waiting: (() => void)[] = [];
	const count = (key: string): void => void runs.set(key, (runs.get(key) ?? 0) + 1);
	const finish = (): void => {
		for (const done of waiting.splice(0)) done();
	};
	const now = (_ctx: unknown, key: string): string => {
		count(key);
		return key;
	};
	let running = 0;
	const later = async (_ctx: unknown, key: string): Promise<string> => {
		count(key);
		running += 1;
		await new Promise<void>((done) => waiting.push(done));
		running -= 1;
		return key;
	};
	const fail = (_ctx: unknown, key: string): never => {
		count(key);
		throw new LiveError('CONFLICT', key);
	};
	const durable = { durable: true };
	const test = {
		now: live(now),
		later: live(later),
		fail: live(fail),
		pay: live(now, durable),
		hang: live(later, durable)
	};
	const names = Object.keys(test);

	const post = mail();
	const clock = new VirtualClock();
	const store = memoryCalls({ clock, size: 1000 });
	const net = await network(
		{ test },
		{
			instances: 3,
			plugins: () => [post.plugin(), provided('calls.store', store)]
		}
	);
	const loss = random.pick([0.02, 0.1, 0.3]);
	let isCalm = false;
	const fate = (): Fate => {
		if (isCalm || !random.chance(loss)) return 'arrives';
		net.place = random.below(3);
		return random.chance(0.5) ? 'lost' : 'late';
	};
	net.fate = fate;
	const mailLoss = random.pick([0, 0, 0.2]);
	post.isLost = () => random.chance(mailLoss);

	/** Half seconds. */
	const pass = async (steps: number): Promise<void> => {
		for (let i = 0; i < steps; i += 1)
			await Promise.all([net, clock].map((each) => each.advance(500)));
	};

	const client = net.client({ timeout: 10 * 60_000 });
	const outcomes = new Map<string, string>();
	let deaths = 0;
	let ends = 0;
	/** Ends an instance on which nothing runs, and has another one in its place. */
	const end = async (): Promise<void> => {
		finish();
		await settle();
		const { kernel } = net;
		const rpc = kernel.use('rpc');
		const isBusy = [...kernel.connections].some((connection) => rpc.answered(connection));
		if (isBusy || running > 0) return;
		await net.end();
		post.forget(kernel.instanceId);
		ends += 1;
	};
	let made = 0;
	const call = (): void => {
		const name = random.pick(names);
		const key = `${name} ${(made += 1)}`;
		void client
			.call(`test/${name}`)(key)
			.then(
				(value) => `done ${String(value)}`,
				(error: { code?: string; message: string }) =>
					error.code === 'CONFLICT' ? `done ${error.message}` : String(error.code ?? error)
			)
			.then((end) => outcomes.set(key, end));
	};
	for (let step = 0; step < 25; step += 1) {
		if (step < 15) for (let i = random.below(4); i > 0; i -= 1) call();
		isCalm = step >= 20;
		if (!isCalm && random.chance(0.1)) net.cut({ deaf: random.chance(0.3) });
		if (!isCalm && random.chance(0.03)) {
			const place = net.place;
			net.place = random.below(3);
			post.forget(net.kernel.instanceId);
			await net.restart();
			deaths += 1;
			net.place = place;
		}
		if (!isCalm && random.chance(0.1)) await end();
		await pass(random.pick([1, 3, 12]));
		if (random.chance(0.5)) finish();
	}
	for (let i = 0; i < 40 && outcomes.size < made; i += 1) {
		finish();
		await pass(4);
	}
	await settle();
	client.close();
	// All of them end with the test, on clocks that stand still.
	post.isLost = () => false;
	await settle();
	return { runs, outcomes, made, ends, isWhole: deaths === 0 && mailLoss === 0 };
}

test('wherever a client is led and whatever is lost, each call runs at most once', async () => {
	const seed = seedOf(24);
	const random = seeded(seed);
	let unknown = 0;
	let calls = 0;
	let gone = 0;
	for (let round = 0; round < 60; round += 1) {
		const { runs, outcomes, made, ends, isWhole } = await tell(random);

		const what = `seed ${seed}, round ${round}`;
		expect(outcomes.size, `${what}: every call is over`).toBe(made);
		for (const [key, end] of outcomes) {
			const times = runs.get(key) ?? 0;
			if (end === `done ${key}`) expect(times, `${what}: ${key}`).toBe(1);
			else {
				expect(end, `${what}: ${key}`).toBe('UNKNOWN_OUTCOME');
				expect(isWhole, `${what}: ${key} is known to those that live on`).toBe(false);
				expect(times, `${what}: ${key}`).toBeLessThanOrEqual(1);
				unknown += 1;
			}
		}
		calls += made;
		if (isWhole) gone += ends;
	}
	expect(calls).toBeGreaterThan(1000);
	expect(gone, 'instances have ended, and what they knew has not').toBeGreaterThan(10);
	expect(unknown, 'what an instance knew is lost with it').toBeGreaterThan(0);
}, 60_000);

import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { startRedis } from '../servers/redis.ts';
import { until } from '../servers/until.ts';
import { nextVersion } from './next-version.ts';
import { chaos, type Instance, type World } from './world.ts';

/** Three instances with two clients of each topic, and something in every log. */
async function three(world: World): Promise<readonly [Instance, Instance, Instance]> {
	const all = await Promise.all([world.start(), world.start(), world.start()]);
	await world.join(2);
	await world.load(60);
	return all as [Instance, Instance, Instance];
}

/** Does something again and again, until the result is called. */
function again(milliseconds: number, work: () => Promise<unknown>): () => Promise<void> {
	let isOver = false;
	const running = (async () => {
		while (!isOver) {
			await work();
			await new Promise((resolve) => setTimeout(resolve, milliseconds));
		}
	})();
	return async () => {
		isOver = true;
		await running;
	};
}

chaos('subscribers that are cut off every 40 ms miss nothing', {}, async (world) => {
	await three(world);
	const client = new Redis(world.store.url);

	const stop = again(40, () => client.client('KILL', 'TYPE', 'PUBSUB'));
	await world.load(500);
	await stop();
	client.disconnect();

	expect(await world.settle()).toEqual([]);
});

for (const outage of ['local', 'reject', 'outbox'] as const) {
	const replay = { outage, retryFor: 400 };

	chaos(
		`Redis is killed, and comes back empty; { outage: '${outage}' }`,
		{ replay },
		async (world) => {
			await three(world);

			await world.load(100);
			await world.store.kill();
			await world.load(100);
			await world.store.restart();
			await world.load(100);

			expect(await world.settle({ losesWrites: true })).toEqual([]);
		}
	);

	const flags = ['--appendonly', 'yes', '--appendfsync', 'always'];
	chaos(
		`Redis is killed, and has it all on disk; { outage: '${outage}' }`,
		{ replay, flags },
		async (world) => {
			await three(world);

			for (let n = 0; n < 2; n += 1) {
				await world.load(80);
				await world.store.kill();
				await world.load(60);
				await world.store.restart();
			}

			expect(await world.settle()).toEqual([]);
		}
	);
}

chaos('a replica takes over without the last writes', {}, async (world) => {
	const replica = await startRedis('--replicaof', '127.0.0.1', String(world.store.port));
	try {
		const all = await three(world);
		const client = new Redis(replica.url);
		await until(async () => /master_link_status:up/.test(await client.info('replication')));
		await world.load(60);
		await client.replicaof('NO', 'ONE');
		client.disconnect();
		await world.load(60);

		await world.store.kill();
		for (const { way } of all) way.lead(replica.port);
		await world.load(60);

		world.store = replica;
		expect(await world.settle({ losesWrites: true })).toEqual([]);
	} finally {
		await replica.stop();
	}
});

for (const purpose of ['publish', 'subscribe', 'commands', 'any'] as const) {
	chaos(`an instance is parted from Redis: connections for ${purpose}`, {}, async (world) => {
		const [one] = await three(world);

		for (let n = 0; n < 2; n += 1) {
			one.way.cut(purpose);
			await world.load(80);
			one.way.heal();
			await world.load(20);
		}

		expect(await world.settle()).toEqual([]);
	});
}

for (const direction of ['up', 'down'] as const) {
	chaos(
		`what goes ${direction} between an instance and Redis gets lost, and nobody is told`,
		{ replay: { retryFor: 600 } },
		async (world) => {
			const [one, other] = await three(world);

			one.way.drop('any', direction);
			other.way.drop('publish', direction);
			await world.load(80);
			// What was lost is asked about for some time, and given up.
			await world.answered();
			await world.load(40);

			expect(await world.settle()).toEqual([]);
		}
	);
}

chaos('answers get lost after what was asked has been executed', {}, async (world) => {
	const all = await three(world);

	for (const { way } of all) way.cutAnswers('publish', () => world.random.chance(0.1));
	await world.load(300);

	expect(await world.settle()).toEqual([]);
	expect(world.published.every(({ status, level }) => status === 'ok' && level)).toBe(true);
});

chaos('answers get lost while everything is renewed', {}, async (world) => {
	const all = await three(world);
	const client = new Redis(world.store.url);

	for (const { way } of all) way.cutAnswers('publish', () => world.random.chance(0.1));
	const stop = again(100, () => client.hset('chaos:{__log}:store', 'n', Date.now()));
	await world.load(300);
	await stop();
	client.disconnect();

	expect(await world.settle()).toEqual([]);
	expect(world.published.every(({ status, level }) => status === 'ok' && level)).toBe(true);
});

chaos(
	'a subscriber is too slow for Redis, and thrown out',
	{ flags: ['--client-output-buffer-limit', 'pubsub 64kb 0 0'] },
	async (world) => {
		const [one] = await three(world);
		const client = new Redis(world.store.url);
		const subscribers = async (): Promise<number> =>
			String(await client.client('LIST', 'TYPE', 'PUBSUB')).split(':subscribe').length - 1;
		expect(await subscribers()).toBe(3);

		one.way.stall('subscribe');
		const filler = 'x'.repeat(100_000);
		await until(async () => {
			await client.publish('chaos:{a}:frames', `${filler}\t`);
			await world.load(10);
			return (await subscribers()) < 3;
		});
		await world.load(40);
		client.disconnect();

		expect(await world.settle()).toEqual([]);
	}
);

chaos('single keys are evicted', {}, async (world) => {
	await three(world);
	const client = new Redis(world.store.url);
	const keys = ['{a}:meta', '{b}:meta', '{c}:log', '{a}:log', '{__log}:store', '{__log}:seen'];

	const stop = again(30, () => client.del(`chaos:${world.random.pick(keys)}`));
	await world.load(300);
	await stop();
	client.disconnect();

	expect(await world.settle({ losesWrites: true, truncates: true })).toEqual([]);
});

chaos('an instance stands still for a while, and goes on', {}, async (world) => {
	const [one] = await three(world);
	const frozen = await world.start({ isChild: true });
	await world.join(1, [frozen]);
	await world.load(60);

	for (let n = 0; n < 2; n += 1) {
		frozen.child!.freeze();
		await world.load(80, [one]);
		// For longer than its commands may take: that it stands still is what is tried.
		await world.pass(400);
		frozen.child!.thaw();
		await world.load(30);
	}

	expect(await world.settle()).toEqual([]);
});

chaos('an instance is killed under load, and its clients go elsewhere', {}, async (world) => {
	const [one] = await three(world);
	const lost = await world.start({ isChild: true });
	await world.join(2, [lost]);
	const moved = world.clients.slice(-6);
	await world.load(60);

	await lost.kill();
	for (const client of moved) client.move(one.port);
	await world.load(60);

	expect(await world.settle()).toEqual([]);
});

chaos(
	'an instance has delivered what nobody else has, and is killed before Redis is back',
	{ flags: ['--appendonly', 'yes', '--appendfsync', 'always'], replay: { retryFor: 200 } },
	async (world) => {
		const [one] = await three(world);
		const lost = await world.start({ isChild: true });
		await world.join(2, [lost]);
		const moved = world.clients.slice(-6);
		await world.load(60);

		await world.store.kill();
		for (const topic of ['a', 'b', 'c']) {
			await until(async () => (await world.publish(lost, topic)).level === 'local');
		}
		await lost.kill();
		for (const client of moved) client.move(one.port);
		await world.store.restart();
		await world.renewed();

		expect(await world.settle()).toEqual([]);
	}
);

chaos('browsers do not read for a while', { sendBuffer: 4096 }, async (world) => {
	await three(world);
	const slow = world.clients.filter((_, index) => index % 2 === 0);

	for (const client of slow) client.pause();
	await world.load(400);
	for (const client of slow) client.resume();

	expect(await world.settle()).toEqual([]);
});

chaos('instances are replaced, one by one, by those of a later version', {}, async (world) => {
	const plugin = await nextVersion();
	const all = await three(world);

	for (const [index, old] of all.entries()) {
		const next = await world.start({ plugin });
		await world.load(60);
		for (const client of world.clients.slice(index * 6, index * 6 + 6)) client.move(next.port);
		await old.stop();
		await world.load(60);
	}

	expect(await world.settle()).toEqual([]);
});

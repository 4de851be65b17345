/**
 * What an instance asks of Redis while nothing happens: with 10,000 members in ten topics, against 100.
 * Its heart beats faster than it would, and what is counted is what goes with so many beats.
 */

import assert from 'node:assert/strict';
import { alternate, compare } from '../compare.mjs';
import { startRedis } from '../redis.mjs';

const MANY = 10_000;
const FEW = 100;
const TOPICS = 10;
/** Milliseconds between two beats in the row, and by default: the figures are those of the default. */
const HEARTBEAT = 50;
const DEFAULT = 30_000;
const BEATS = 20;

/** @type {import('../run.mjs').Row} */
export const presenceIdle = {
	name: 'presence-idle',
	unit: 'commands to Redis per second',
	async measure({ calibrate, say }) {
		const servers = [await startRedis(), await startRedis()];
		const many = await crowd(servers[0].url, calibrate ? FEW : MANY);
		const few = await crowd(servers[1].url, FEW);
		try {
			const sides = { ours: () => many.idle(), control: () => few.idle() };
			const rounds = await alternate(sides, { turns: 1, say });
			const commands = compare(rounds, ({ commands }) => commands);
			const gates = { 'ratio <= 1.1': commands.ratio <= 1.1 };
			return {
				...commands,
				oursBytes: compare(rounds, ({ bytes }) => bytes).ours,
				controlBytes: compare(rounds, ({ bytes }) => bytes).control,
				gates
			};
		} finally {
			await Promise.all([many.close(), few.close()]);
			await Promise.all(servers.map((server) => server.stop()));
		}
	}
};

/** An instance with so many members, some of which look at each topic. */
async function crowd(url, members) {
	const { Redis } = await import('ioredis');
	const { createKernel } = await import('svelte-realtime/kernel');
	const { presence } = await import('svelte-realtime/plugins/presence');
	const { redis } = await import('svelte-realtime/plugins/redis');
	const { redisPresence } = await import('svelte-realtime/plugins/redis-presence');
	const transport = {
		name: 'nowhere',
		subscribers: () => 1,
		publish: () => true
	};
	const options = { entries: members, interval: 0, heartbeat: HEARTBEAT };
	const plugins = [redis({ url, commandTimeout: 10_000 }), redisPresence(), presence(options)];
	const kernel = createKernel({ plugins, transport });
	await kernel.start();
	const service = kernel.use('presence');
	const store = kernel.use('presence.store');
	const topicOf = (n) => `bench:${n % TOPICS}`;
	for (let n = 0; n < TOPICS; n++) await service.follow(topicOf(n));
	for (let n = 0; n < members; n++) {
		const socket = { bufferedBytes: 0, send: () => 'sent', cork: (work) => work(), close() {} };
		const user = { id: n, name: `Member number ${n}`, color: '#4a7bd0' };
		service.join(topicOf(n), kernel.open(socket, { user }), user);
	}
	assert.equal(await service.count(topicOf(0)), members / TOPICS);
	const client = new Redis(url);

	/** Called when a beat is over. */
	let beaten = () => {};
	const { beat } = store;
	store.beat = async (ttl) => {
		const isKnown = await beat(ttl);
		beaten();
		return isKnown;
	};
	async function beats(count) {
		for (let n = 0; n < count; n++) await new Promise((resolve) => (beaten = resolve));
		beaten = () => {};
	}

	async function counted() {
		const stats = await client.info('stats');
		const of = (name) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(stats)[1]);
		return {
			commands: of('total_commands_processed'),
			bytes: of('total_net_input_bytes') + of('total_net_output_bytes')
		};
	}

	return {
		async idle() {
			await beats(1);
			const before = await counted();
			await beats(BEATS);
			const after = await counted();
			const seconds = (BEATS * DEFAULT) / 1000;
			return {
				commands: (after.commands - before.commands - 1) / seconds,
				bytes: (after.bytes - before.bytes) / seconds
			};
		},
		async close() {
			await kernel.shutdown();
			client.disconnect();
		}
	};
}

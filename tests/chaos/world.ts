/** Instances, their clients and what they share, with a record of all that happens. */

import { Redis } from 'ioredis';
import { fileURLToPath } from 'node:url';
import { test, vi } from 'vitest';
import type { redisReplay, RedisReplayOptions } from 'svelte-realtime/plugins/redis-replay';
import { readLine } from '../../plugins/log-line.ts';
import { startChild, type Child } from '../servers/child.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';
import { until } from '../servers/until.ts';
import { Random } from '../simulator/random.ts';
import type { Said, Told } from './child.ts';
import { createChaosClient, type ChaosClient } from './client.ts';
import { rowsOf, serveInstance, TOPICS, type InstanceOptions } from './instance.ts';
import { judge, type Allowances, type DeliveryRecord, type PublishRecord } from './oracle.ts';
import { createWay, type Way } from './way.ts';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));
const PREFIX = 'chaos:';

export interface Instance {
	readonly name: string;
	readonly port: number;
	readonly way: Way;
	readonly delivered: readonly DeliveryRecord[];
	/** Present where it is a process of its own. */
	readonly child: Child<Said> | undefined;
	readonly isGone: boolean;
	/** Ends it at once, where it is a process of its own. */
	kill(): Promise<void>;
	/** Lets it end, as a deploy does. */
	stop(): Promise<void>;
	publish(topic: string, id: string): Promise<PublishRecord>;
	close(): Promise<void>;
}

export interface ChaosOptions {
	/** Options of the Redis server that things happen to. */
	readonly flags?: readonly string[];
	readonly replay?: RedisReplayOptions;
	readonly sendBuffer?: number;
}

export interface StartOptions {
	readonly isChild?: boolean;
	/** Another build of the plugin. */
	readonly plugin?: typeof redisReplay;
}

export class World {
	readonly random: Random;
	store: RedisServer;
	readonly instances: Instance[] = [];
	readonly clients: ChaosClient[] = [];
	readonly published: PublishRecord[] = [];
	readonly #database: RedisServer;
	readonly #options: ChaosOptions;
	readonly #pending: Set<Promise<void>> = new Set();
	#count = 0;

	constructor(seed: number, store: RedisServer, database: RedisServer, options: ChaosOptions) {
		this.random = new Random(seed);
		this.store = store;
		this.#database = database;
		this.#options = options;
	}

	async start({ isChild = false, plugin }: StartOptions = {}): Promise<Instance> {
		const way = await createWay(this.store.port);
		const { replay, sendBuffer } = this.#options;
		const options: InstanceOptions = {
			url: way.url,
			database: this.#database.url,
			prefix: PREFIX,
			replay: { size: 10_000, check: 300, ...replay },
			...(sendBuffer !== undefined && { sendBuffer })
		};
		const name = `instance ${this.instances.length}`;
		const made = isChild ? await inChild(options) : await inProcess(options, plugin);
		const instance: Instance = Object.assign(made, { name, way });
		this.instances.push(instance);
		return instance;
	}

	/** Opens clients on each instance, so many for each topic, and waits until they are live. */
	async join(each: number, instances: readonly Instance[] = this.instances): Promise<void> {
		for (const { port, name } of instances) {
			for (const topic of TOPICS) {
				for (let n = 0; n < each; n += 1) {
					this.clients.push(createChaosClient(`client ${n} of ${topic} on ${name}`, topic, port));
				}
			}
		}
		await until(() => this.clients.every(({ isLive }) => isLive));
	}

	publish(instance: Instance, topic: string): Promise<PublishRecord> {
		const id = `${topic}${(this.#count += 1)}`;
		const index = this.published.push({ topic, id, status: 'pending' }) - 1;
		const result = instance.publish(topic, id).then((record) => (this.published[index] = record));
		const settled: Promise<void> = result.then(
			() => void this.#pending.delete(settled),
			// Its process has gone.
			() => void this.#pending.delete(settled)
		);
		this.#pending.add(settled);
		return result;
	}

	/** Publishes so many times, here and there, some at once; not all of them are waited for. */
	async load(count: number, from: readonly Instance[] = this.instances): Promise<void> {
		for (let left = count; left > 0;) {
			const alive = from.filter(({ isGone }) => !isGone);
			const topic = this.random.pick(TOPICS);
			const instance = this.random.pick(alive);
			for (let n = this.random.between(1, Math.min(left, 8)); n > 0; n -= 1, left -= 1) {
				this.publish(instance, topic).catch(() => {});
			}
			// The pace of those who publish; nothing is waited for.
			await new Promise((resolve) => setTimeout(resolve, this.random.below(8)));
		}
	}

	/** Resolves when it is known what became of everything that was published. */
	async answered(): Promise<void> {
		await Promise.all(this.#pending);
	}

	/** Resolves when everything in the store begins anew, for what somebody who has gone may have told. */
	async renewed(): Promise<void> {
		const store = new Redis(this.store.url);
		await until(async () => Number(await store.hget(`${PREFIX}{__log}:store`, 'n')) > 0);
		store.disconnect();
	}

	async pass(milliseconds: number): Promise<void> {
		await new Promise((resolve) => setTimeout(resolve, milliseconds));
	}

	/** Makes the network whole, lets everything recover, and says what is wrong. */
	async settle(allowed: Allowances = {}): Promise<readonly string[]> {
		const alive = this.instances.filter(({ isGone }) => !isGone);
		for (const { way } of alive) way.heal();
		await this.answered();
		/** What each topic was last told: a topic keeps its order, so whoever shows that has all before it. */
		const last = new Map<string, string>();
		const nudge = async (instance: Instance, topic: string): Promise<void> =>
			void last.set(topic, await this.#nudge(instance, topic));
		const shows = ({ topic, value, isLive }: ChaosClient): boolean =>
			isLive && value.includes(last.get(topic)!);
		// Every instance reaches the store again.
		for (const instance of alive) for (const topic of TOPICS) await nudge(instance, topic);
		// What happens next shows each client what it has missed; by itself it would ask after some seconds.
		for (let nudges = 0; nudges < 20; nudges += 1) {
			if (nudges > 0) for (const topic of TOPICS) await nudge(alive[0]!, topic);
			const isDone = await until(() => this.clients.every(shows), 700).then(
				() => true,
				() => false
			);
			if (isDone) break;
		}
		// What comes twice has come before the next one.
		for (const topic of TOPICS) await nudge(alive[0]!, topic);
		// Whoever begins anew with it takes a moment longer; less than until it would ask by itself.
		await until(() => this.clients.every(shows), 5000).catch(() => {});
		const rows = new Map<string, readonly string[]>();
		const database = new Redis(this.#database.url);
		for (const topic of TOPICS) rows.set(topic, await database.lrange(rowsOf(topic), 0, -1));
		database.disconnect();
		const delivered = new Map(this.instances.map(({ name, delivered }) => [name, delivered]));
		const clients = this.clients.map((client) => client.history());
		const log = await this.#log();
		return judge({ published: this.published, delivered, clients, log, rows }, allowed);
	}

	/** Publishes until the store takes it. @returns what it has taken. */
	async #nudge(instance: Instance, topic: string): Promise<string> {
		let id = '';
		await until(async () => {
			const record = await this.publish(instance, topic);
			id = record.id;
			return record.level === 'store';
		});
		return id;
	}

	async #log(): Promise<Map<string, readonly DeliveryRecord[]>> {
		const store = new Redis(this.store.url);
		const log = new Map<string, readonly DeliveryRecord[]>();
		for (const topic of TOPICS) {
			const epoch = (await store.hget(`${PREFIX}{${topic}}:meta`, 'e')) ?? '';
			const lines = await store.zrange(`${PREFIX}{${topic}}:log`, '0', '-1');
			const frames = lines
				.map((line) => readLine(String(line)))
				.map(({ seq, value }) => {
					const { id } = JSON.parse(value.json!) as { id: string };
					return { topic, id, epoch, seq };
				});
			log.set(topic, frames);
		}
		store.disconnect();
		return log;
	}

	async close(): Promise<void> {
		for (const client of this.clients) client.close();
		await Promise.all(this.instances.filter(({ isGone }) => !isGone).map((one) => one.close()));
		await Promise.all(this.instances.map(({ way }) => way.close()));
		await Promise.all([this.store.stop(), this.#database.stop()]);
	}
}

type Made = Omit<Instance, 'name' | 'way'>;

async function inProcess(options: InstanceOptions, plugin: StartOptions['plugin']): Promise<Made> {
	const serving = await serveInstance(options, undefined, plugin);
	let isGone = false;
	return {
		...serving,
		child: undefined,
		get isGone() {
			return isGone;
		},
		async kill() {
			throw new Error('It is no process of its own.');
		},
		async stop() {
			isGone = true;
			await serving.close();
		}
	};
}

async function inChild(options: InstanceOptions): Promise<Made> {
	const child = await startChild<Said>(CHILD, options);
	const find = <K extends string>(key: K): Extract<Said, Record<K, unknown>>[] =>
		child.said.filter((said) => key in said) as never;
	let isGone = false;
	await until(() => find('port').length > 0);
	return {
		child,
		port: find('port')[0]!.port,
		get delivered() {
			return find('delivered').map(({ delivered }) => delivered);
		},
		async publish(topic, id) {
			child.send({ topic, id } satisfies Told);
			const own = (): PublishRecord | undefined =>
				find('published').find(({ published }) => published.id === id)?.published;
			await until(() => own() !== undefined || isGone);
			return own() ?? { topic, id, status: 'pending' };
		},
		get isGone() {
			return isGone;
		},
		async kill() {
			isGone = true;
			await child.kill();
		},
		async stop() {
			isGone = true;
			await child.end();
		},
		close: () => child.end()
	};
}

/** A test of its own world; where it fails, the seed is said by which it can be repeated. */
export function chaos(
	claim: string,
	options: ChaosOptions,
	body: (world: World) => Promise<void>
): void {
	const seed = Number(process.env['CHAOS_SEED'] ?? (Date.now() ^ (process.pid << 8)) >>> 0);
	test(claim, { timeout: 60_000 }, async () => {
		const [store, database] = await Promise.all([
			startRedis(...(options.flags ?? [])),
			startRedis()
		]);
		const world = new World(seed, store, database, options);
		// What instances report is what the test is about, and is no output.
		const silence = vi.spyOn(console, 'error').mockImplementation(() => {});
		try {
			await body(world);
		} catch (error) {
			(error as Error).message += `\nRepeat it with CHAOS_SEED=${seed}.`;
			throw error;
		} finally {
			await world.close();
			silence.mockRestore();
		}
	});
}

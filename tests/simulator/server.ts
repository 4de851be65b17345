/** A server process after the other: the real kernel, and the app that runs on it. */

import {
	createKernel,
	definePlugin,
	live,
	LiveError,
	type Kernel,
	type LiveContext,
	type Plugin
} from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { memoryLog, type ReplayLog } from 'svelte-realtime/plugins/replay';
import { tailWith } from '../plugins/tail-with.ts';
import type { SimulatedTransport } from './network.ts';
import type { Random } from './random.ts';
import type { OwnedClock } from './time.ts';
import type { World } from './world.ts';

type Publish = (topic: string, event: string, data: unknown) => unknown;

/** One process. What it still had to do when it ended never happens. */
export class Server {
	readonly kernel: Kernel<'rpc' | 'replay' | 'streams'>;
	readonly transport: SimulatedTransport;
	/** Numbers of the operations that this process has published last, per topic. */
	readonly published: Map<string, number> = new Map();
	/** Topics that are followed in the log, and how often. */
	followed: number = 0;
	#isUp: boolean = false;
	readonly #world: World;
	readonly #random: Random;
	readonly #kernelClock: OwnedClock;
	readonly #appClock: OwnedClock;
	/** Topic → its writes, one after the other, as a database's transactions are. */
	readonly #writes: Map<string, Promise<void>> = new Map();

	constructor(world: World) {
		const { time, network, profile } = world;
		this.#world = world;
		this.#random = world.random.fork();
		this.#kernelClock = time.clock();
		this.#appClock = time.clock();
		this.transport = network.transport();
		const replay = { size: profile.logSize, topics: profile.logTopics };
		this.kernel = createKernel({
			plugins: [...single({ replay }), this.#countedLog()],
			transport: this.transport,
			clock: this.#kernelClock,
			limits: { sendBuffer: profile.sendBuffer },
			topics: { 'pointer:*': 'ephemeral' },
			report: (plugin, error) => {
				const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
				world.violation(`the server reported an error of ${plugin}: ${reason}`);
			}
		}) as Kernel<'rpc' | 'replay' | 'streams'>;
	}

	/** Timers that the kernel and its plugins have set. */
	get timers(): number {
		return this.#kernelClock.pending;
	}

	async start(): Promise<void> {
		await this.kernel.start();
		this.kernel.use('rpc').mount({ app: this.#module() });
		this.#world.network.listen(this.kernel, this.transport);
		this.#isUp = true;
	}

	/** The process is gone in the middle of everything. */
	crash(): void {
		this.#world.network.crash(this.#world.random.pick([0, 500, 10_000]));
		this.end();
	}

	/** Nothing of this process runs any more. */
	end(): void {
		this.#kernelClock.stop();
		this.#appClock.stop();
	}

	/** Changes a table and tells its topic: at once, or a moment later as a transaction would. */
	write(topic: string, publish: Publish): void {
		if (!this.#isUp) return;
		const table = this.#world.database.table(topic);
		const { publishing } = this.#world.profile;
		const commit = (): (() => void) => {
			const { n, event, data } = table.commit(this.#random);
			this.#world.log(`= ${topic} ${n} ${event}`);
			return () => {
				this.published.set(topic, n);
				void publish(topic, event, data);
			};
		};
		if (publishing === 0) return commit()();
		const earlier = this.#writes.get(topic) ?? Promise.resolve();
		this.#writes.set(
			topic,
			earlier.then(async () => {
				const tell = commit();
				await this.#sleep(publishing);
				tell();
			})
		);
	}

	readonly publish: Publish = (topic, event, data) => this.kernel.publish(topic, event, data);

	/** The log that `replay` would make by itself, with its followers counted. */
	#countedLog(): Plugin<never, 'replay.log'> {
		const { logSize: size, logTopics: topics } = this.#world.profile;
		return definePlugin({
			name: 'counted-log',
			provides: ['replay.log'],
			setup: (kernel) => {
				const log = memoryLog({ size, topics, topicBytes: 4 << 20, bytes: 256 << 20 });
				const counted: ReplayLog = {
					...log,
					follow: (topic) => {
						const tail = log.follow(topic) as Exclude<
							ReturnType<ReplayLog['follow']>,
							Promise<unknown>
						>;
						this.followed += 1;
						let isOpen = true;
						return tailWith(tail, {
							close: () => {
								if (isOpen) this.followed -= 1;
								isOpen = false;
								tail.close();
							}
						});
					}
				};
				kernel.provide('replay.log', counted);
			}
		});
	}

	/** Takes up to so many milliseconds, or does not happen at all once the process is gone. */
	#sleep(most: number): Promise<void> | void {
		const takes = this.#random.between(0, most);
		if (takes > 0) return new Promise((resolve) => this.#appClock.after(takes, () => resolve()));
	}

	async #load(topic: string): Promise<unknown> {
		const { loading, loadFailures } = this.#world.profile;
		await this.#sleep(loading);
		if (!this.#world.isHealed && this.#random.chance(loadFailures)) {
			throw new LiveError('SERVICE_UNAVAILABLE');
		}
		const { value } = this.#world.database.table(topic);
		await this.#sleep(loading);
		return value;
	}

	#module(): Record<string, unknown> {
		const load = (topic: string) => () => this.#load(topic);
		const write = async (ctx: LiveContext, topic: string, argument: string, fate: string) => {
			await this.#sleep(100);
			if (fate === 'refused') throw new LiveError('FORBIDDEN');
			this.#world.log(`* ${argument} is executed`);
			this.#world.database.execute(argument);
			const publish: Publish = (...event) => ctx.publish(...event);
			this.write(topic, publish);
			await this.#sleep(fate === 'slow' ? 3000 : 50);
			if (fate === 'failed') throw new LiveError('CONFLICT');
			return argument;
		};
		return {
			write: live(write),
			todos: live.stream('todos', load('todos')),
			todosAgain: live.stream('todos', load('todos')),
			feed: live.stream('feed', load('feed'), { merge: 'latest', max: 5 }),
			news: live.stream('news', load('news'), { merge: 'latest', max: 4, prepend: true }),
			tail: live.stream('tail', null, { merge: 'latest', max: 2 }),
			value: live.stream('value', load('value'), { merge: 'set' }),
			room: live.stream(
				(_ctx: LiveContext, room: number) => `room:${room}`,
				(_ctx: LiveContext, room: number) => this.#load(`room:${room}`),
				{ prepend: true }
			),
			pointer: live.stream('pointer:1', load('pointer:1'), { merge: 'set' })
		};
	}
}

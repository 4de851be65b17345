/** One random schedule: what is done, by whom, and when. */

import type { SimulatedClient } from './client.ts';
import type { Address } from './followed.ts';
import type { Action } from './profile.ts';
import { Server } from './server.ts';
import type { Wire } from './wire.ts';
import type { World } from './world.ts';

const SECOND = 1000;
const FATES = ['plain', 'plain', 'plain', 'slow', 'refused', 'failed'];

export class Scenario {
	server: Server;
	readonly clients: readonly SimulatedClient[];
	readonly #world: World;

	constructor(world: World, server: Server, clients: readonly SimulatedClient[]) {
		this.#world = world;
		this.server = server;
		this.clients = clients;
	}

	/** Plans all actions; they happen as time passes. Returns the milliseconds that they take. */
	plan(): number {
		const { random, profile, time } = this.#world;
		for (const client of this.clients) this.#follow(client);
		let at = 0;
		for (let i = 0; i < profile.actions; i += 1) {
			at += random.between(0, profile.pace);
			const action = random.weighted(profile.weights);
			if (action === 'wait') at += random.between(0, 6 * SECOND);
			else time.after(at, () => this.#act(action));
		}
		return at;
	}

	/** Publishes once to every topic that somebody follows. */
	nudge(): void {
		const followed = this.clients.flatMap((client) => [...client.followed]);
		for (const topic of new Set(followed.map(({ address }) => address.topic))) {
			this.server.write(topic, this.server.publish);
		}
	}

	#act(action: Exclude<Action, 'wait'>): void {
		const { random, network } = this.#world;
		const client = random.pick(this.clients);
		switch (action) {
			case 'call':
				return void client.call(this.#address().topic, random.pick(FATES)).catch(() => {});
			case 'batch':
				return client.batch([this.#address().topic, this.#address().topic], 'plain');
			case 'publish':
				return this.server.write(this.#address().topic, this.server.publish);
			case 'burst': {
				const { topic } = this.#address();
				for (let i = random.between(3, 15); i > 0; i -= 1) {
					this.server.write(topic, this.server.publish);
				}
				return;
			}
			case 'point':
				return this.server.write('pointer:1', this.server.publish);
			case 'follow':
				return this.#follow(client);
			case 'leave': {
				const followed = [...client.followed];
				if (followed.length > 0) client.leave(random.pick(followed));
				return;
			}
			case 'hydrate':
				return this.#hydrate(client);
			case 'unreachable':
				network.setReachable(client.index, false);
				return this.#later(20 * SECOND, () => network.setReachable(client.index, true));
			case 'reconnect':
				return client.client.connection.reconnect();
			case 'close':
				client.client.connection.close();
				return this.#later(5 * SECOND, () => client.client.connection.reconnect());
			case 'restart':
				return void this.#restart();
			case 'crash':
				return this.#crash();
			default: {
				const wires = network.open(client.index);
				if (wires.length > 0) this.#disturb(action, random.pick(wires));
			}
		}
	}

	#disturb(action: 'cut' | 'halfOpen' | 'late' | 'stall', wire: Wire): void {
		const { random, features } = this.#world;
		this.#world.log(`${wire.name} ${action}`);
		switch (action) {
			case 'cut':
				wire.up.break();
				wire.down.break();
				this.#later(SECOND, () => wire.endClient(1006));
				return this.#later(SECOND, () => wire.endServer());
			case 'halfOpen': {
				const which = random.below(3);
				if (which !== 0) wire.up.break();
				if (which !== 1) wire.down.break();
				// Only a client that watches by itself can notice that nothing comes any more.
				const isNoticed = which === 1 || !features.heartbeat || random.chance(0.5);
				if (isNoticed) this.#later(20 * SECOND, () => wire.endClient(1006));
				return this.#later(20 * SECOND, () => wire.endServer());
			}
			case 'late':
				wire.up.lag = random.between(0, 8 * SECOND);
				return this.#later(3 * SECOND, () => {
					wire.down.break();
					wire.endClient(1006);
					// Behind what is still under way.
					wire.up.push(() => wire.endServer());
				});
			case 'stall':
				wire.stall();
				// More than the buffer holds, and more while it empties.
				for (let i = random.below(20); i > 0; i -= 1) {
					this.#later(12 * SECOND, () => this.#act('publish'));
				}
				return this.#later(10 * SECOND, () => wire.resume(random.pick([0, 100, 1000])));
		}
	}

	#crash(): void {
		this.#world.log('the server crashes');
		this.server.crash();
		this.#start();
	}

	async #restart(): Promise<void> {
		this.#world.log('the server restarts');
		const { server } = this;
		await server.kernel.shutdown();
		// It may have crashed meanwhile.
		if (server !== this.server) return;
		server.crash();
		this.#start();
	}

	#start(): void {
		const next = new Server(this.#world);
		// Whoever publishes meanwhile does so into a process without connections.
		this.server = next;
		this.#later(8 * SECOND, () => {
			if (this.server === next) void next.start();
		});
	}

	#follow(client: SimulatedClient): void {
		client.follow(this.#address());
	}

	#hydrate(client: SimulatedClient): void {
		const { server } = this;
		const address = this.#address();
		const request = { url: '/', headers: {}, ip: '10.0.0.1', origin: 'http://simulator' };
		const streams = server.kernel.find('streams');
		streams?.load(address.path, address.args, request).then(
			(seed) => this.#later(3 * SECOND, () => client.hydrate(address, structuredClone(seed))),
			(error: { code?: string }) => {
				if (error.code !== 'SERVICE_UNAVAILABLE') this.#world.violation(`a page fails: ${error}`);
			}
		);
	}

	#address(): Address {
		const { random, profile } = this.#world;
		const name = random.pick(NAMES);
		if (name === 'room') {
			const room = random.below(profile.rooms);
			return { path: 'app/room', args: [room], topic: `room:${room}` };
		}
		return { path: `app/${name}`, args: [], topic: TOPICS[name] };
	}

	#later(most: number, task: () => void): void {
		const { random, time } = this.#world;
		time.after(random.between(0, most), task);
	}
}

const TOPICS = {
	todos: 'todos',
	todosAgain: 'todos',
	feed: 'feed',
	news: 'news',
	tail: 'tail',
	value: 'value',
	pointer: 'pointer:1'
} as const;

const NAMES = [...(Object.keys(TOPICS) as (keyof typeof TOPICS)[]), 'room', 'room'] as const;

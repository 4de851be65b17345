/** One client: the real one, what it asks for, and what it is told. */

import { createClient, type Client, type Seed, type StreamStore } from 'svelte-realtime/client';
import { Followed, type Address } from './followed.ts';
import type { OwnedClock } from './time.ts';
import type { World } from './world.ts';

/** What has become of a call, as its caller was told. */
export interface Call {
	readonly argument: string;
	outcome: 'pending' | 'done' | (string & {});
}

interface Stub extends StreamStore<unknown> {
	(...args: unknown[]): StreamStore<unknown>;
	hydrate(seed: Seed): StreamStore<unknown>;
}

export class SimulatedClient {
	readonly index: number;
	readonly client: Client;
	readonly calls: Call[] = [];
	readonly followed: Set<Followed> = new Set();
	readonly #world: World;
	readonly #clock: OwnedClock;

	constructor(world: World, index: number) {
		const { profile, network, time } = world;
		const random = world.random.fork();
		this.index = index;
		this.#world = world;
		this.#clock = time.clock();
		const { latency, duplicates } = profile;
		this.client = createClient({
			url: 'ws://simulator/ws',
			WebSocket: network.socketOf(index, { latency, duplicates }),
			clock: this.#clock,
			random: () => random.next()
		});
		this.client.connection.subscribe((status) => {
			world.log(`c${index} is ${status}`);
			world.disturbed(index, 'changed');
		});
	}

	/** Timers that the client has set. */
	get timers(): number {
		return this.#clock.pending;
	}

	follow(address: Address): void {
		const stub = this.client.stream<Stub>(address.path);
		this.#add(address, address.args.length > 0 ? stub(...address.args) : stub);
	}

	hydrate(address: Address, seed: Seed): void {
		this.#world.seeded.add(`c${this.index} ${address.topic}`);
		this.#add(address, this.client.stream<Stub>(address.path).hydrate(seed));
	}

	leave(followed: Followed): void {
		this.#world.log(`c${this.index} leaves ${followed.address.path}`);
		this.followed.delete(followed);
		followed.leave();
	}

	/** Makes a call; `fate` tells the handler what to do. */
	call(topic: string, fate: string): Promise<unknown> {
		const call: Call = {
			argument: `c${this.index}-${this.calls.length + 1}`,
			outcome: 'pending'
		};
		this.calls.push(call);
		this.#world.log(`c${this.index} calls ${call.argument} ${topic} ${fate}`);
		const write = this.client.call<(...args: string[]) => Promise<unknown>>('app/write');
		const promise = write(topic, call.argument, fate);
		promise.then(
			(result) => this.#settled(call, result === call.argument ? 'done' : `got ${String(result)}`),
			(error: { code?: string }) => this.#settled(call, error.code ?? String(error))
		);
		return promise;
	}

	batch(topics: readonly string[], fate: string): void {
		void this.client.batch(() => topics.map((topic) => this.call(topic, fate))).catch(() => {});
	}

	#settled(call: Call, outcome: string): void {
		this.#world.log(`c${this.index} ${call.argument} is ${outcome}`);
		if (call.outcome !== 'pending') this.#world.violation(`${call.argument} is settled twice`);
		call.outcome = outcome;
		if (outcome === 'TIMEOUT' && !this.#world.mayTimeOut(this.index)) {
			this.#world.violation(`${call.argument} times out on a connection without a fault`);
		}
	}

	#add(address: Address, store: StreamStore<unknown>): void {
		this.#world.log(`c${this.index} follows ${address.path} ${address.args.join()}`);
		this.followed.add(new Followed(this.#world, `c${this.index}`, address, store));
	}
}

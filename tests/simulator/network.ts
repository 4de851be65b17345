/** The virtual network: what dials where, what breaks, and who notices it when. */

import type { WebSocketConstructor, WebSocketLike } from 'svelte-realtime/client';
import type { MaybePromise, Transport, TransportHost, UpgradeAnswer } from 'svelte-realtime/kernel';
import type { Random } from './random.ts';
import type { VirtualTime } from './time.ts';
import type { Trace } from './trace.ts';
import { publishTo, ServerSocket, Wire } from './wire.ts';

/** What the connections of one client are like. */
export interface Conditions {
	/** Milliseconds one way: at least, at most. */
	readonly latency: readonly [least: number, most: number];
	/** Chance that a message arrives a second time. */
	readonly duplicates: number;
}

export interface NetworkOptions {
	readonly time: VirtualTime;
	readonly random: Random;
	readonly trace: Trace;
	mayRepeat(text: string): boolean;
	/** An answer to this client can be late from now on, or is lost. */
	disturbed(client: number, what: 'changed' | 'dropped'): void;
}

/** A transport of one server process, on this network. */
export interface SimulatedTransport extends Transport {
	readonly topics: Map<string, Set<ServerSocket>>;
}

export class Network {
	readonly #options: NetworkOptions;
	readonly #wires: Map<number, Wire[]> = new Map();
	/** Clients that reach nobody at the moment. */
	readonly #unreachable: Set<number> = new Set();
	#server: { readonly host: TransportHost; readonly transport: SimulatedTransport } | undefined;
	#dialled: number = 0;
	/** Frames that found no room in a send buffer. */
	drops: number = 0;

	constructor(options: NetworkOptions) {
		this.#options = options;
	}

	// --- the server's side ---

	transport(): SimulatedTransport {
		const topics = new Map<string, Set<ServerSocket>>();
		return {
			name: 'simulated',
			topics,
			publish: (topic, payload) => publishTo(topics.get(topic), payload),
			subscribers: (topic) => topics.get(topic)?.size ?? 0
		};
	}

	listen(host: TransportHost, transport: SimulatedTransport): void {
		this.#server = { host, transport };
	}

	/** The server's process is gone; each client notices within `most` milliseconds. */
	crash(most: number): void {
		this.#server = undefined;
		for (const [client, wires] of this.#wires) {
			for (const wire of wires) {
				wire.up.break();
				wire.down.break();
				const notice = (): void => wire.endClient(1006);
				this.#options.time.after(this.#options.random.between(0, most), notice);
			}
			this.#options.disturbed(client, 'changed');
		}
	}

	// --- the clients' side ---

	/** The constructor of a client's sockets. */
	socketOf(client: number, conditions: Conditions): WebSocketConstructor {
		const dial = (socket: WebSocketLike): Wire => this.#dial(client, conditions, socket);
		return class implements WebSocketLike {
			onmessage: ((event: never) => void) | null = null;
			onclose: ((event: never) => void) | null = null;
			onerror: ((event: never) => void) | null = null;
			readonly #wire: Wire = dial(this);

			send(text: string): void {
				if (!this.#wire.isConnected) throw new Error('The socket is still connecting.');
				this.#wire.sendUp(text);
			}

			close(code: number = 1005): void {
				this.#wire.closeByClient(code);
			}
		};
	}

	/** The connections of a client that both ends believe in. */
	open(client: number): readonly Wire[] {
		return (this.#wires.get(client) ?? []).filter((wire) => wire.isOpen);
	}

	/** Whether a client holds a connection that is broken, and has not noticed. */
	isDeceived(client: number): boolean {
		return (this.#wires.get(client) ?? []).some((wire) => wire.isBroken);
	}

	/** Whether a client can dial. */
	setReachable(client: number, isReachable: boolean): void {
		this.#options.disturbed(client, 'changed');
		if (isReachable) this.#unreachable.delete(client);
		else this.#unreachable.add(client);
	}

	/** Everything that stalls goes on. */
	heal(): void {
		this.#unreachable.clear();
		for (const wires of this.#wires.values()) {
			for (const wire of wires) if (wire.down.isStalled) wire.resume(0);
		}
	}

	#dial(client: number, conditions: Conditions, socket: WebSocketLike): Wire {
		const { time, random, trace, mayRepeat } = this.#options;
		const wire = new Wire({
			name: `c${client}#${(this.#dialled += 1)}`,
			time,
			random: random.fork(),
			trace,
			...conditions,
			client: socket,
			mayRepeat,
			disturbed: (what) => {
				if (what === 'dropped') this.drops += 1;
				this.#options.disturbed(client, what);
			}
		});
		const wires = (this.#wires.get(client) ?? []).filter((other) => !other.isOver);
		this.#wires.set(client, [...wires, wire]);
		wire.up.push(() => this.#upgrade(client, wire));
		return wire;
	}

	#upgrade(client: number, wire: Wire): void {
		const server = this.#server;
		if (server === undefined || this.#unreachable.has(client)) return wire.endClient(1006);
		const { host, transport } = server;
		const settle = (answer: UpgradeAnswer): void => {
			if (!answer.ok || this.#server !== server) return wire.endClient(1006);
			const socket = new ServerSocket(wire, host, transport.topics);
			wire.accept(socket);
			socket.open(host.open(socket, answer.data));
		};
		const answer: MaybePromise<UpgradeAnswer> = host.upgrade(REQUEST(client));
		if (answer instanceof Promise) void answer.then(settle);
		else settle(answer);
	}
}

const REQUEST = (client: number) => ({
	url: '/ws',
	headers: {},
	ip: `10.0.0.${client}`,
	origin: 'http://simulator'
});

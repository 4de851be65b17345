/** A network between real clients and a real server, which is cut where a test says, message by message. */

import { createClient, type Client, type ClientOptions } from 'svelte-realtime/client';
import { decodeBinary } from '../../kernel/protocol.ts';
import type { WebSocketConstructor, WebSocketLike } from 'svelte-realtime/client';
import { single } from 'svelte-realtime/presets';
import { createTestKernel, VirtualClock } from 'svelte-realtime/testing';
import type { Connection, ConnectionData } from 'svelte-realtime/kernel';

/** What becomes of one message: it arrives, is lost with its connection, or comes after the next one is there. */
export type Fate = 'arrives' | 'lost' | 'late';

type Kernel = Awaited<ReturnType<typeof server>>;
type Modules = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

async function server(modules: Modules) {
	const kernel = await createTestKernel(single());
	kernel.use('rpc').mount(modules);
	return kernel;
}

export interface Network {
	readonly clock: VirtualClock;
	/** The server of now. */
	readonly kernel: Kernel;
	/** Messages, in both directions, so far. */
	readonly messages: string[];
	/** Who the next connection belongs to. */
	data: ConnectionData;
	/** Decides about the message with this number, counted from 0 over all connections. */
	fate: (index: number) => Fate;
	/** Cuts every connection; the server hears of it unless it is `deaf`. */
	cut(options?: { deaf?: boolean }): void;
	/** Replaces the server by one that remembers nothing. */
	restart(): Promise<void>;
	client(options?: ClientOptions): Client;
	/** What such a client connects with. */
	readonly WebSocket: WebSocketConstructor;
}

export async function network(modules: Modules): Promise<Network> {
	const clock = new VirtualClock();
	const wires = new Set<Wire>();
	const late: (() => void)[] = [];
	let kernel = await server(modules);

	const self: Network = {
		clock,
		get kernel() {
			return kernel;
		},
		messages: [],
		data: {},
		fate: () => 'arrives',
		cut({ deaf = false } = {}) {
			for (const wire of [...wires]) wire.cut(deaf);
		},
		async restart() {
			self.cut();
			late.length = 0;
			kernel = await server(modules);
		},
		get WebSocket() {
			return Wire;
		},
		client: (options) =>
			createClient({ url: 'ws://test', WebSocket: Wire, clock, random: () => 0.5, ...options })
	};

	class Wire implements WebSocketLike {
		onmessage: ((event: never) => void) | null = null;
		onclose: ((event: never) => void) | null = null;
		onerror: ((event: never) => void) | null = null;
		readonly #kernel: Kernel = kernel;
		readonly #socket: ReturnType<Kernel['transport']['socket']> = kernel.transport.socket();
		readonly #connection: Connection;
		#isCut: boolean = false;

		constructor() {
			wires.add(this);
			this.#socket.send = (payload) => {
				this.#carry(String(payload), () => this.onmessage?.({ data: payload } as never));
				return 'sent';
			};
			this.#socket.onClose = (code, reason) => {
				this.#kernel.close(this.#connection, code, reason);
				this.#end(code);
			};
			this.#connection = kernel.open(this.#socket, self.data);
		}

		send(payload: string | Uint8Array): void {
			// The link asks whether anybody is there; no test counts on that.
			if (payload === '{"type":"ping"}') return;
			const text = typeof payload === 'string' ? payload : headerOf(payload);
			this.#carry(text, () =>
				this.#kernel.message(this.#connection, payload, Buffer.byteLength(payload))
			);
		}

		close(code = 1000): void {
			if (!this.#isCut) this.#socket.end(code, '');
		}

		cut(deaf: boolean): void {
			if (this.#isCut) return;
			if (!deaf) this.#socket.end(1006, '');
			this.#end(1006);
		}

		#carry(text: string, deliver: () => void): void {
			if (this.#isCut) return;
			const index = self.messages.push(text) - 1;
			queueMicrotask(() => {
				if (this.#isCut) return;
				const fate = self.fate(index);
				if (fate === 'arrives') {
					deliver();
					for (const [n, arrive] of late.entries())
						if (text.includes('rpc:session')) {
							late.splice(n, 1);
							arrive();
						}
					return;
				}
				// What comes late comes over a connection that the server still takes for open.
				if (fate === 'late') late.push(deliver);
				this.cut(fate === 'late');
			});
		}

		#end(code: number): void {
			if (this.#isCut) return;
			this.#isCut = true;
			wires.delete(this);
			queueMicrotask(() => this.onclose?.({ code, reason: '' } as never));
		}
	}
	return self;
}

/** What a test sees of a binary message. */
function headerOf(message: Uint8Array): string {
	return JSON.stringify((decodeBinary(message) as { frame?: unknown }).frame);
}

/** A network between real clients and a real server, which is cut where a test says, message by message. */

import { createClient, type Client, type ClientOptions } from 'svelte-realtime/client';
import { decodeBinary } from '../../kernel/protocol.ts';
import type { WebSocketConstructor, WebSocketLike } from 'svelte-realtime/client';
import { single } from 'svelte-realtime/presets';
import { createTestKernel, settle, VirtualClock } from 'svelte-realtime/testing';
import type { Connection, ConnectionData, Plugin } from 'svelte-realtime/kernel';

/** What becomes of one message: it arrives, is lost with its connection, or comes after the next one is there. */
export type Fate = 'arrives' | 'lost' | 'late';

type Kernel = Awaited<ReturnType<typeof server>>;
/** Milliseconds. */
const STEP = 500;

type Modules = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

async function server(modules: Modules, plugins: readonly Plugin[] = []) {
	// What a test adds it finds by itself.
	const more = plugins as readonly Plugin<never, never>[];
	const kernel = await createTestKernel([...single(), ...more]);
	kernel.use('rpc').mount(modules);
	return kernel;
}

export interface NetworkOptions {
	/** Instances behind the one address. @default 1 */
	readonly instances?: number;
	/** What each of them has beside the preset. */
	readonly plugins?: (index: number) => readonly Plugin[];
}

export interface Network {
	readonly clock: VirtualClock;
	/** The server of now; of several instances the one that the next connection leads to. */
	readonly kernel: Kernel;
	/** Which one that is. @default 0 */
	place: number;
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
	/** Replaces the server by another one, once it has ended in good order. */
	end(): Promise<void>;
	/** Lets time pass for the clients, and for every server. */
	advance(ms: number): Promise<void>;
	client(options?: ClientOptions): Client;
	/** What such a client connects with. */
	readonly WebSocket: WebSocketConstructor;
}

export async function network(
	modules: Modules,
	{ instances = 1, plugins }: NetworkOptions = {}
): Promise<Network> {
	const clock = new VirtualClock();
	const wires = new Set<Wire>();
	const late: { readonly kernel: Kernel; readonly arrive: () => void }[] = [];
	const kernels: Kernel[] = [];
	for (let i = 0; i < instances; i += 1) kernels.push(await server(modules, plugins?.(i)));

	const self: Network = {
		clock,
		get kernel() {
			return kernels[self.place]!;
		},
		place: 0,
		messages: [],
		data: {},
		fate: () => 'arrives',
		cut({ deaf = false } = {}) {
			for (const wire of [...wires]) wire.cut(deaf);
		},
		async restart() {
			for (const wire of [...wires]) if (wire.kernel === self.kernel) wire.cut(false);
			late.splice(0, late.length, ...late.filter(({ kernel }) => kernel !== self.kernel));
			kernels[self.place] = await server(modules, plugins?.(self.place));
		},
		async end() {
			let isOver = false;
			const { place, kernel } = self;
			void kernel.shutdown().then(() => (isOver = true));
			await settle();
			while (!isOver) await self.advance(STEP);
			kernels[place] = await server(modules, plugins?.(place));
		},
		async advance(ms) {
			const clocks = [clock, ...kernels.map((each) => each.clock)];
			// In steps, so that no clock is far ahead of another.
			for (let left = ms; left > 0; left -= STEP) {
				await Promise.all(clocks.map((each) => each.advance(Math.min(left, STEP))));
				await settle();
			}
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
		readonly kernel: Kernel = self.kernel;
		readonly #socket: ReturnType<Kernel['transport']['socket']> = this.kernel.transport.socket();
		readonly #connection: Connection;
		#isCut: boolean = false;

		constructor() {
			wires.add(this);
			this.#socket.send = (payload) => {
				this.#carry(String(payload), () => this.onmessage?.({ data: payload } as never));
				return 'sent';
			};
			this.#socket.onClose = (code, reason) => {
				this.kernel.close(this.#connection, code, reason);
				this.#end(code);
			};
			this.#connection = this.kernel.open(this.#socket, self.data);
		}

		send(payload: string | Uint8Array): void {
			// The link asks whether anybody is there; no test counts on that.
			if (payload === '{"type":"ping"}') return;
			const text = typeof payload === 'string' ? payload : headerOf(payload);
			this.#carry(text, () =>
				this.kernel.message(this.#connection, payload, Buffer.byteLength(payload))
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
					for (const [n, { arrive }] of late.entries())
						if (text.includes('rpc:session')) {
							late.splice(n, 1);
							arrive();
						}
					return;
				}
				// What comes late comes over a connection that the server still takes for open.
				if (fate === 'late') late.push({ kernel: this.kernel, arrive: deliver });
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

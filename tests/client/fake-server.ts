/** The other end of a client, by hand: what arrives is kept, what is sent is what a test says. */

import { createClient, type Client, type ClientOptions } from 'svelte-realtime/client';
import type { WebSocketLike } from 'svelte-realtime/client';
import { settle, VirtualClock } from '../../kernel/testing/clock.ts';

export interface Received {
	readonly type: string;
	readonly id: number;
	readonly path?: string;
	readonly args?: unknown;
	readonly devalue?: true;
	readonly since?: { readonly epoch: string; readonly seq: number };
}

export class FakeSocket implements WebSocketLike {
	onmessage: ((event: never) => void) | null = null;
	onclose: ((event: never) => void) | null = null;
	onerror: ((event: never) => void) | null = null;
	readonly url: string;
	/** As they came, one text a message. */
	readonly messages: string[] = [];
	closedWith: number | undefined;
	/** Subprotocols that were offered. */
	readonly protocols: readonly string[];
	/** Questions whether anybody is there, which are no messages. */
	pings: number = 0;
	/** Answers them, as a server does that is there. */
	isAlive: boolean = true;

	constructor(url: string, protocols: readonly string[] = []) {
		this.url = url;
		this.protocols = protocols;
	}

	send(text: string): void {
		if (text !== '{"type":"ping"}') return void this.messages.push(text);
		this.pings += 1;
		if (this.isAlive) queueMicrotask(() => this.deliver({ type: 'pong' }));
	}

	close(code?: number): void {
		this.closedWith ??= code ?? 1005;
	}

	/** All frames, whatever messages they came in, but for the one that names the session of calls. */
	get frames(): Received[] {
		return this.#all.filter((frame) => frame.type !== 'rpc:session');
	}

	get #all(): Received[] {
		return this.messages.flatMap((text) => JSON.parse(text) as Received);
	}

	of(type: string): Received[] {
		return this.#all.filter((frame) => frame.type === type);
	}

	deliver(...frames: readonly object[]): void {
		const data = JSON.stringify(frames.length === 1 ? frames[0] : frames);
		this.onmessage?.({ data } as never);
	}

	welcome(limits: object = { message: 16384, batch: 50 }): void {
		this.deliver({ type: 'welcome', protocol: 1, connection: 'c1', limits });
	}

	/** Ends the connection as a network or a server would. */
	end(code: number = 1006, reason: string = ''): void {
		this.onclose?.({ code, reason } as never);
	}
}

export interface Bench {
	readonly client: Client;
	readonly clock: VirtualClock;
	readonly sockets: FakeSocket[];
	/** The latest socket. */
	readonly socket: FakeSocket;
	/** Lets the client dial, and welcomes it. */
	open(limits?: object): Promise<FakeSocket>;
}

export function bench(options: ClientOptions = {}): Bench {
	const sockets: FakeSocket[] = [];
	const clock = new VirtualClock();
	class Dialled extends FakeSocket {
		constructor(url: string, protocols?: string[]) {
			super(url, protocols);
			sockets.push(this);
		}
	}
	const client = createClient({
		url: 'ws://test/ws',
		WebSocket: Dialled,
		clock,
		random: () => 0.5,
		...options
	});
	return {
		client: { ...client, call: (path) => watched(client.call(path)) as never },
		clock,
		sockets,
		get socket() {
			return sockets.at(-1)!;
		},
		async open(limits) {
			await settle();
			sockets.at(-1)!.welcome(limits);
			await settle();
			return sockets.at(-1)!;
		}
	};
}

/** Keeps a rejection that the test looks at later from ending the process before. */
function watched<F extends (...args: never[]) => Promise<unknown>>(call: F): F {
	return new Proxy(call, {
		apply(target, self, args) {
			const promise = Reflect.apply(target, self, args) as Promise<unknown>;
			promise.catch(() => {});
			return promise;
		}
	});
}

/** What a promise has come to: its value, the code of its error, or `pending`. */
export async function outcome(promise: Promise<unknown>): Promise<unknown> {
	return Promise.race([
		promise.catch((error: { code?: string }) => error.code ?? error),
		settle().then(() => 'pending')
	]);
}

/** Delivers one message and lets the readers hear of it. */
export async function arrive(socket: FakeSocket, ...frames: readonly object[]): Promise<void> {
	socket.deliver(...frames);
	await settle();
}

export const MERGE = { merge: 'crud', key: 'id', prepend: false, max: 0 } as const;

export function snapshot(id: number, data: unknown, seq: number = 0, more: object = {}): object {
	return { type: 'stream:snapshot', id, topic: 't', data, epoch: 'e', seq, ...MERGE, ...more };
}

export function event(name: string, data: unknown, seq?: number, epoch?: string): object {
	return { type: 'event', topic: 't', event: name, data, seq, epoch };
}

export { settle };

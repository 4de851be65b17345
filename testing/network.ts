/** The network between the clients and the server of a test: no port, and every message arrives. */

import type { WebSocketConstructor, WebSocketLike } from '../kernel/client/configure.ts';
import type { Connection } from '../kernel/connection.ts';
import type { UpgradeRequest } from '../kernel/contexts.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { FakeSocket, FakeTransport } from '../kernel/testing/transport.ts';
import type { Payload, UpgradeAnswer } from '../kernel/transport.ts';

export type Refusal = Extract<UpgradeAnswer, { ok: false }>;

/** Where a client dials. */
export interface Server {
	readonly transport: FakeTransport;
	/** What answers; undefined while no server runs. */
	kernel(): Kernel | undefined;
}

/** The network as one client has it. */
export interface Line {
	readonly WebSocket: WebSocketConstructor;
	/** Why the last attempt to connect was refused by the server's gates. */
	readonly refusal: Refusal | undefined;
	/** Ends what is connected, without a close frame, and lets nothing through. */
	cut(): void;
	/** Lets connections through again. */
	mend(): void;
}

/** What a socket that ended without a close frame reports. */
const ABNORMAL = 1006;

/** @param requestOf Makes the request of one attempt. */
export function createLine(
	server: Server,
	requestOf: (protocols: readonly string[]) => UpgradeRequest
): Line {
	const open = new Set<MemorySocket>();
	let isUp = true;
	let refusal: Refusal | undefined;

	class MemorySocket implements WebSocketLike {
		onmessage: ((event: never) => void) | null = null;
		onclose: ((event: never) => void) | null = null;
		onerror: ((event: never) => void) | null = null;
		#kernel: Kernel | undefined;
		#socket: FakeSocket | undefined;
		#connection: Connection | undefined;
		#isOver: boolean = false;

		constructor(_url: string, protocols: readonly string[] = []) {
			open.add(this);
			void this.#dial(protocols);
		}

		async #dial(protocols: readonly string[]): Promise<void> {
			const kernel = isUp ? server.kernel() : undefined;
			const answer = await kernel?.upgrade(requestOf(protocols));
			refusal = answer?.ok === false ? answer : undefined;
			// The other side may be gone by now.
			if (this.#isOver || !isUp || kernel !== server.kernel() || !answer?.ok) {
				return this.#end(ABNORMAL, '');
			}
			const socket = (this.#socket = server.transport.socket());
			socket.onSend = (payload) => {
				this.#carry(() => this.onmessage?.({ data: payload } as never));
				return true;
			};
			socket.onClose = (code, reason) => {
				this.#kernel!.close(this.#connection!, code, reason);
				this.#carry(() => this.#end(code, reason));
			};
			this.#kernel = kernel!;
			this.#connection = kernel!.open(socket, answer.data);
		}

		send(payload: Payload): void {
			const bytes = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength;
			this.#carry(() => {
				if (this.#socket!.closed) return;
				this.#kernel!.message(this.#connection!, payload, bytes);
			});
		}

		/** What was sent before arrives before. */
		close(code: number = 1000, reason: string = ''): void {
			this.#carry(() => {
				if (this.#socket) this.#socket.end(code, reason);
				this.#end(code, reason);
			});
		}

		/** What is on its way is lost. */
		cut(): void {
			this.#socket?.end(ABNORMAL, '');
			this.#end(ABNORMAL, '');
		}

		#carry(deliver: () => void): void {
			queueMicrotask(() => {
				if (!this.#isOver) deliver();
			});
		}

		#end(code: number, reason: string): void {
			if (this.#isOver) return;
			this.#isOver = true;
			open.delete(this);
			this.onclose?.({ code, reason } as never);
		}
	}

	return {
		WebSocket: MemorySocket as WebSocketConstructor,
		get refusal() {
			return refusal;
		},
		cut() {
			isUp = false;
			for (const socket of [...open]) socket.cut();
		},
		mend() {
			isUp = true;
		}
	};
}

/** A socket that is cut off in the middle of a call, and whose client comes back when a test says so. */

import type { WebSocketConstructor, WebSocketLike } from 'svelte-realtime/client';
import { WebSocket } from 'ws';

export interface Away {
	readonly WebSocket: WebSocketConstructor;
	/** What is lost gets lost from here on, and nobody connects anew. */
	leave(): void;
	back(): void;
}

/** @param lost Calls do not reach the server, or their answers do not reach the client. */
export function goingAway(lost: 'calls' | 'answers'): Away {
	let isAway = false;
	let back = (): void => {};
	let isBack = Promise.resolve();
	const isLost = (payload: unknown, type: string): boolean =>
		isAway && String(payload).includes(`"type":"${type}"`);

	class Socket implements WebSocketLike {
		onmessage: ((event: never) => void) | null = null;
		onclose: ((event: never) => void) | null = null;
		onerror: ((event: never) => void) | null = null;
		#socket: WebSocket | undefined = undefined;
		#isClosed: boolean = false;

		constructor(url: string) {
			void isBack.then(() => {
				if (this.#isClosed) return;
				const socket = (this.#socket = new WebSocket(url));
				socket.onmessage = (event) => {
					const isGone = lost === 'answers' && isLost(event.data, 'reply');
					if (!isGone) this.onmessage?.(event as never);
				};
				socket.onclose = (event) => this.onclose?.(event as never);
				socket.onerror = (event) => this.onerror?.(event as never);
			});
		}

		send(payload: string | Uint8Array): void {
			if (lost !== 'calls' || !isLost(payload, 'rpc')) this.#socket?.send(payload);
		}

		close(code?: number, reason?: string): void {
			this.#isClosed = true;
			this.#socket?.close(code, reason);
		}
	}

	return {
		WebSocket: Socket,
		leave() {
			isAway = true;
			isBack = new Promise((resolve) => (back = resolve));
		},
		back() {
			isAway = false;
			back();
		}
	};
}

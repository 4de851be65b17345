/** A client that follows one stream, and everything that happens to it. */

import { createClient, type WebSocketLike } from 'svelte-realtime/client';
import { WebSocket } from 'ws';
import { hear } from '../../plugins/streams/hear.ts';
import type { ClientHistory, ClientRecord } from './oracle.ts';

export interface ChaosClient {
	readonly topic: string;
	readonly isLive: boolean;
	readonly value: readonly string[];
	history(): ClientHistory;
	/** Goes to another instance, as through a proxy. */
	move(port: number): void;
	/** Does not read what it is sent. */
	pause(): void;
	resume(): void;
	close(): void;
}

interface Snapshot {
	readonly type: string;
	readonly epoch: string;
	readonly seq: number;
}

export function createChaosClient(name: string, topic: string, port: number): ChaosClient {
	const records: ClientRecord[] = [];
	let at = port;
	let isPaused = false;
	let socket: WebSocket | undefined;
	class Recorded extends WebSocket {
		constructor(url: string) {
			super(url.replace('//chaos', `//127.0.0.1:${at}`));
			socket = this;
			this.on('open', () => isPaused && this.pause());
			this.on('message', (text) => {
				for (const frame of [JSON.parse(String(text)) as Snapshot].flat()) {
					const { type, epoch, seq } = frame;
					if (type === 'stream:snapshot') records.push({ type: 'snapshot', epoch, seq });
				}
			});
		}
	}
	const client = createClient({
		url: 'ws://chaos/ws',
		WebSocket: Recorded as never as new (url: string) => WebSocketLike,
		random: () => 0
	});
	const stream = client.stream('chaos/rows')(topic);
	let value: readonly string[] = [];
	let isReady = false;
	stream.subscribe((rows: unknown) => {
		isReady = rows !== undefined;
		value = ((rows as { id: string }[] | undefined) ?? []).map(({ id }) => id);
	});
	hear(stream as never, (_event, data) => {
		records.push({ type: 'event', id: (data as { id: string }).id });
	});
	return {
		topic,
		get isLive() {
			return (
				isReady && client.connection.status === 'open' && !(stream as { stale?: boolean }).stale
			);
		},
		get value() {
			return value;
		},
		history: () => ({ name, topic, records, value }),
		move(other) {
			at = other;
			socket?.terminate();
		},
		pause() {
			isPaused = true;
			socket?.pause();
		},
		resume() {
			isPaused = false;
			socket?.resume();
		},
		close: () => client.close()
	};
}

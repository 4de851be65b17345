import { tmpdir } from 'node:os';
import { defineConfig, live } from 'svelte-realtime';
import { start } from 'svelte-realtime/adapter/runtime';
import { createClient, type WebSocketLike } from 'svelte-realtime/client';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';

const FILLER = 'x'.repeat(64 * 1024);

/** Resolves when `check` holds; looks whenever the event loop comes round. */
async function until(check: () => boolean): Promise<void> {
	while (!check()) await new Promise((resolve) => setImmediate(resolve));
}

/** A server with a logged and an ephemeral topic, and a browser that follows both. */
async function serving(transport: 'uws' | 'node') {
	const rows: { id: number }[] = [];
	const slow = {
		rows: live.stream('rows', () => [...rows]),
		filler: live.stream('filler', () => [] as string[], { merge: 'latest', max: 1 })
	};
	const server = await start({
		server: { init: async () => {}, respond: async () => new Response() } as never,
		load: async () => ({
			config: defineConfig({ transport, topics: { filler: 'ephemeral' } }),
			modules: { slow }
		}),
		directory: tmpdir(),
		env: { HOST: '127.0.0.1', PORT: '0' },
		signals: false
	});
	const received: string[] = [];
	let socket!: WebSocket;
	class Recorded extends WebSocket {
		constructor(url: string) {
			super(url);
			socket = this;
			this.on('message', (text) => {
				received.push(/"type":"([^"]+)"/.exec(String(text))![1]!);
			});
		}
	}
	const client = createClient({
		url: `ws://127.0.0.1:${server.port}/ws`,
		WebSocket: Recorded as never as new (url: string) => WebSocketLike
	});
	const values: { rows?: unknown; filler?: unknown } = {};
	client.stream('slow/rows').subscribe((value) => (values.rows = value));
	client.stream('slow/filler').subscribe((value) => (values.filler = value));
	await until(() => values.rows !== undefined && values.filler !== undefined);
	return {
		kernel: server.app!.kernel,
		rows,
		values,
		received,
		pause: () => socket.pause(),
		resume: () => socket.resume(),
		async close() {
			client.close();
			await server.close();
		}
	};
}

test.each(['uws', 'node'] as const)(
	'on %s a browser that did not read for a while gets every logged event when it reads again',
	async (transport) => {
		const { kernel, rows, values, received, pause, resume, close } = await serving(transport);
		const [connection] = kernel.connections;
		const { sendBuffer } = kernel.limits;

		pause();
		// What the two ends of the TCP connection hold comes before the send buffer.
		while (connection!.bufferedBytes <= sendBuffer) {
			void kernel.publish('filler', 'said', FILLER);
			await new Promise((resolve) => setImmediate(resolve));
		}
		for (let id = 1; id <= 5; id += 1) {
			rows.push({ id });
			void kernel.publish('rows', 'created', { id });
		}
		await new Promise((resolve) => setImmediate(resolve));
		resume();
		await until(() => (values.rows as unknown[]).length === 5);

		expect(values.rows).toEqual(rows);
		expect(connection!.slowEpisodes).toBeGreaterThanOrEqual(1);
		expect(received.slice(received.indexOf('stream:heads'))).toEqual([
			'stream:heads',
			'stream:recovered'
		]);
		await close();
	}
);

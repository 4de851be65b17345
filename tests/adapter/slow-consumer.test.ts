import { tmpdir } from 'node:os';
import { defineConfig, live } from 'svelte-realtime';
import { start } from 'svelte-realtime/adapter/runtime';
import { createClient, type WebSocketLike } from 'svelte-realtime/client';
import type { Kernel } from 'svelte-realtime/kernel';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';

const FILLER = 'x'.repeat(64 * 1024);

/** Resolves when `check` holds; looks whenever the event loop comes round. */
async function until(check: () => boolean): Promise<void> {
	while (!check()) await new Promise((resolve) => setImmediate(resolve));
}

/** A server with a logged and an ephemeral topic, and a browser that follows both and calls. */
async function serving(transport: 'uws' | 'node') {
	const rows: { id: number }[] = [];
	const executed: unknown[] = [];
	const slow = {
		note: live((_ctx, what: unknown) => executed.push(what)),
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
		executed,
		client,
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

/** Publishes until the send buffer is over its limit. */
async function fill(kernel: Kernel): Promise<void> {
	const [connection] = kernel.connections;
	// What the two ends of the TCP connection hold comes before the send buffer.
	while (connection!.bufferedBytes <= kernel.limits.sendBuffer) {
		void kernel.publish('filler', 'said', FILLER);
		await new Promise((resolve) => setImmediate(resolve));
	}
}

test.each(['uws', 'node'] as const)(
	'on %s a browser that did not read for a while gets every logged event when it reads again',
	async (transport) => {
		const { kernel, rows, values, received, pause, resume, close } = await serving(transport);
		const [connection] = kernel.connections;

		pause();
		await fill(kernel);
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

test.each(['uws', 'node'] as const)(
	'on %s a browser that did not read for a while is answered what it called meanwhile, on the same connection',
	async (transport) => {
		const { kernel, client, executed, received, pause, resume, close } = await serving(transport);

		pause();
		await fill(kernel);
		const called = [client.call('slow/note')('a'), client.call('slow/none')()];
		await until(() => executed.length === 1);
		resume();

		await expect(called[0]).resolves.toBe(1);
		await expect(called[1]).rejects.toMatchObject({ code: 'NOT_FOUND' });
		expect(executed).toEqual(['a']);
		expect(received.filter((type) => type === 'welcome')).toHaveLength(1);
		await close();
	}
);

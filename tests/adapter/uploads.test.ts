import { createHash, createHmac } from 'node:crypto';
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { definePlugin, live, verifySignature, type Connection } from 'svelte-realtime';
import { createClient, type Client, type UploadFunction } from 'svelte-realtime/client';
import { single } from 'svelte-realtime/presets';
import { serverWebhook } from 'svelte-realtime/plugins/webhooks';
import { start, type RunningServer } from '../../adapter/runtime/index.ts';
import { FRONTS } from './fronts.ts';

const MB = 1024 * 1024;
const SECRET = 'whsec_test';

/** Bytes that do not compress, and tell where they are from. */
function bytes(size: number): Buffer {
	const block = createHash('sha512').update('seed').digest();
	const data = Buffer.alloc(size);
	for (let at = 0; at < size; at += block.length) {
		block.copy(data, at);
		data.writeUInt32LE(at, Math.min(at, size - 4));
	}
	return data;
}

const hashOf = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

let folder: string;
beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'uploads-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const published: unknown[] = [];
const modules = {
	files: {
		hash: live.binary((_ctx, data) => hashOf(data)),
		/** Straight to the disk, as a file that is too large for the memory is kept. */
		keep: live.binary(
			async (_ctx, data, name: string) => {
				const file = await open(join(folder, name), 'w');
				for await (const chunk of data) await file.write(chunk);
				await file.close();
				return (await stat(join(folder, name))).size;
			},
			{ stream: true, maxSize: 64 * MB }
		),
		ping: live((_ctx: unknown, sent: number) => sent)
	},
	billing: {
		log: live.effect(['orders'], (_ctx, data: unknown) => void published.push(data)),
		orders: live.webhook('orders', {
			verify: ({ body, bytes: signed, headers }) =>
				verifySignature({ body: signed, header: headers.get('x-signature'), secret: SECRET }) &&
				(JSON.parse(body) as { id: string }),
			id: ({ id }) => id,
			transform: (order) => ({ event: 'paid', data: order })
		}),
		asynchronous: live.webhook('orders', {
			verify: async ({ headers }): Promise<object> => {
				await Promise.resolve();
				throw new Error(`not ${headers.get('x-signature')}`);
			},
			transform: (order) => ({ event: 'paid', data: order })
		})
	}
};

describe.each(FRONTS)('%s', (transport) => {
	let server: RunningServer;
	let client: Client;
	const hooks: Record<string, ReturnType<typeof serverWebhook>> = {
		'/orders': serverWebhook('billing/orders'),
		'/asynchronous': serverWebhook('billing/asynchronous')
	};

	/** Those that have said something. */
	const connections = new Set<Connection>();
	const watching = definePlugin({
		name: 'watching',
		setup(kernel) {
			kernel.hook('message', ({ connection }) => void connections.add(connection), {
				order: 'pre'
			});
			kernel.hook('close', ({ connection }) => void connections.delete(connection));
		}
	});

	beforeAll(async () => {
		vi.spyOn(console, 'log').mockImplementation(() => {});
		server = await start({
			server: {
				init: async () => {},
				// As `export const POST = orders.POST` in a +server.ts does.
				respond: async (request) => hooks[new URL(request.url).pathname]!.POST({ request })
			},
			load: async () => ({
				// It asks as often as it can.
				config: { preset: single({ ratelimit: false }), transport, plugins: [watching] },
				modules
			}),
			directory: '/nowhere',
			env: { HOST: '127.0.0.1', PORT: '0', SHUTDOWN_TIMEOUT: '1', BODY_SIZE_LIMIT: '4M' },
			signals: false
		});
		client = createClient({
			url: `ws://127.0.0.1:${server.port}/ws`,
			WebSocket: WebSocket as never
		});
	});
	afterAll(async () => {
		client.close();
		await server.close();
		vi.restoreAllMocks();
	});
	beforeEach(() => void published.splice(0));
	const held = () =>
		server.app!.kernel.use('binary' as never) as { uploads: number; bytes: number };

	test('9 MB arrive as they were, while calls are answered within 100 ms', async () => {
		const data = bytes(9 * MB);
		const hash = client.binary<UploadFunction<[], string>>('files/hash');
		const ping = client.call('files/ping');
		await ping(0);

		let isOver = false;
		const upload = hash(data);
		void upload.finally(() => (isOver = true));
		const waits: number[] = [];
		while (!isOver) {
			const sent = performance.now();
			await ping(sent);
			waits.push(performance.now() - sent);
		}

		expect(await upload).toBe(hashOf(data));
		expect(upload.progress.current).toEqual({ sent: 9 * MB, total: 9 * MB });
		expect(waits.length).toBeGreaterThan(5);
		// The middle one, as a machine that does something else for a moment is no fault of the upload.
		expect(waits.sort((one, other) => one - other)[waits.length >> 1]).toBeLessThan(100);
		expect(held()).toMatchObject({ uploads: 0, bytes: 0 });
	});

	test('a file goes to the disk without ever being in memory as a whole', async () => {
		const data = bytes(20 * MB);
		const keep = client.binary<UploadFunction<[string], number>>('files/keep');
		let most = 0;

		const upload = keep.with({ onProgress: () => (most = Math.max(most, held().bytes)) })(
			new Blob([data as never]),
			`${transport}.bin`
		);

		expect(await upload).toBe(20 * MB);
		expect(hashOf(await readFile(join(folder, `${transport}.bin`)))).toBe(hashOf(data));
		expect(most).toBeLessThanOrEqual(128 * 1024);
	});

	test('a connection that breaks in the middle is gone on with, from where the server stands', async () => {
		const data = bytes(8 * MB);
		const upload = client.binary<UploadFunction<[], string>>('files/hash')(data);
		let cuts = 0;
		upload.progress.subscribe(({ sent, total }) => {
			if (cuts > 0 || sent < total / 2) return;
			cuts += 1;
			for (const connection of connections) connection.close(1012);
		});

		expect(await upload).toBe(hashOf(data));
		expect(cuts).toBe(1);
	});

	test('11 MB are refused, and the connection stays', async () => {
		const hash = client.binary('files/hash');

		await expect(hash(bytes(11 * MB))).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
		expect(await client.call('files/ping')(1)).toBe(1);
		expect(held()).toMatchObject({ uploads: 0, bytes: 0 });
	});

	// --- webhooks ---

	function post(path: string, body: string, signature?: string): Promise<Response> {
		const time = Math.floor(Date.now() / 1000);
		const signed = createHmac('sha256', SECRET).update(`${time}.${body}`).digest('hex');
		return fetch(`http://127.0.0.1:${server.port}${path}`, {
			method: 'POST',
			body,
			headers: { 'x-signature': signature ?? `t=${time},v1=${signed}` }
		});
	}

	test('a signed request is published once, however often it is posted', async () => {
		const body = JSON.stringify({ id: `evt_${transport}` });

		const answers = await Promise.all([1, 2, 3].map(() => post('/orders', body)));
		const late = await post('/orders', body);

		expect([...answers, late].map(({ status }) => status)).toEqual([200, 200, 200, 200]);
		expect(await late.text()).toBe('OK');
		expect(published).toEqual([{ id: `evt_${transport}` }]);
	});

	test('a wrong signature, a verify that rejects later, and 2 MB are refused', async () => {
		const time = Math.floor(Date.now() / 1000);
		const wrong = await post('/orders', '{"id":"x"}', `t=${time},v1=${'0'.repeat(64)}`);
		const later = await post('/asynchronous', '{"id":"y"}');
		const large = await post('/orders', JSON.stringify({ id: 'z', filler: 'x'.repeat(2 * MB) }));

		expect([wrong.status, await wrong.text()]).toEqual([400, 'Verification failed']);
		expect([later.status, await later.text()]).toEqual([400, 'Verification failed']);
		expect([large.status, await large.text()]).toEqual([413, 'Payload too large']);
		expect(published).toEqual([]);
	});
});

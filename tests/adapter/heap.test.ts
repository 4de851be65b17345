import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { killChildren, startChild } from '../servers/child.ts';
import { until } from '../servers/until.ts';
import { FRONTS } from './fronts.ts';
import { request } from './raw.ts';

/** Requests; a million, as is promised, with `npm run test:long`. */
const REQUESTS = process.env['TEST_LONG'] ? 1_000_000 : 12_000;
/** Requests after which everything has been seen once, and code is as compiled as it gets. */
const WARM = 4000;
const CONNECTIONS = 20;

const body = 'x'.repeat(1000);
const KINDS = [
	request('/small.css'),
	request('/small.css', { 'If-None-Match': '*' }),
	request('/small.css', { Range: 'bytes=1-9' }),
	request('/page', { Cookie: 'a=1', 'Accept-Encoding': 'gzip' }),
	request('/page', {}, 'HEAD'),
	request('/stream'),
	request('/upload', { 'Content-Length': `${body.length}` }, 'POST') + body,
	request('/upload', { 'Transfer-Encoding': 'chunked' }, 'PUT') + '3\r\nabc\r\n0\r\n\r\n',
	request('/page', { 'Content-Length': 'x' })
];

interface Said {
	readonly port?: number;
	readonly heap?: number;
	readonly errors?: number;
}

/** Whether what has come is a whole answer. */
function isWhole(received: string, isHead: boolean): boolean {
	const end = received.indexOf('\r\n\r\n');
	if (end === -1) return false;
	if (isHead || received.startsWith('HTTP/1.1 304')) return true;
	const length = /\r\ncontent-length: (\d+)/i.exec(received.slice(0, end));
	return length ? received.length === end + 4 + Number(length[1]) : received.endsWith('0\r\n\r\n');
}

/** One request after the other, on a connection that is made anew when the server has ended it. */
async function ask(port: number, count: number, offset: number): Promise<void> {
	let socket: Socket | undefined;
	for (let asked = 0; asked < count; asked++) {
		const text = KINDS[(asked + offset) % KINDS.length]!;
		const connection = socket ?? connect(port, '127.0.0.1');
		socket = await new Promise<Socket | undefined>((resolve) => {
			let received = '';
			const over = (next: Socket | undefined): void => {
				connection.removeAllListeners();
				connection.on('error', () => {});
				resolve(next);
			};
			connection.on('error', () => over(undefined));
			connection.on('close', () => over(undefined));
			connection.on('data', (chunk: Buffer) => {
				received += chunk.toString('latin1');
				if (isWhole(received, text.startsWith('HEAD'))) over(connection);
			});
			connection.write(text);
		});
		if (asked % 100 === 0) leave(port, asked % 200 === 0 ? '/signal' : '/large.bin');
	}
	socket?.destroy();
}

/** A client that goes before it has its answer. */
function leave(port: number, path: string): void {
	const socket = connect(port, '127.0.0.1', () => {
		socket.write(request(path), () => setImmediate(() => socket.destroy()));
	});
	socket.on('error', () => {});
}

afterAll(killChildren);

test.each(FRONTS)(
	`${REQUESTS} requests of every kind leave nothing on the heap: %s`,
	async (name) => {
		const file = fileURLToPath(new URL('./heap-server.ts', import.meta.url));
		const server = await startChild<Said>(file, { name });
		await until(() => server.said.length > 0);
		const { port } = server.said[0]!;
		const heapAfter = async (requests: number): Promise<number> => {
			const each = requests / CONNECTIONS;
			await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => ask(port!, each, index)));
			const before = server.said.length;
			server.send({});
			await until(() => server.said.length > before);
			expect(server.said.at(-1)!.errors).toBe(0);
			return server.said.at(-1)!.heap!;
		};

		const warm = await heapAfter(WARM);
		const end = await heapAfter(REQUESTS);

		expect(end / warm).toBeLessThan(1.1);
		await server.kill();
	},
	REQUESTS > 100_000 ? 1_800_000 : 120_000
);

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { RESERVE } from '../../adapter/runtime/descriptors.ts';
import { connect, startHost, stopHosts, type Host } from '../servers/host.ts';
import { call } from '../servers/lines.ts';
import { until } from '../servers/until.ts';
import { FRONTS } from './fronts.ts';
import { RawConnection } from './raw.ts';

/** File descriptors of the server. */
const LIMIT = 256;
const CODE = 'RT_DESCRIPTORS_SHORT';

/** It is read from its file each time, since it is too large for memory. */
const LARGE = randomBytes(2 * 1024 * 1024);
let folder: string;

beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), 'descriptors-'));
	mkdirSync(join(folder, 'client'));
	writeFileSync(join(folder, 'client/large.bin'), LARGE);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(stopHosts);

const QUESTIONS = {
	sockets: [
		'GET /ws HTTP/1.1',
		'Host: localhost',
		'Upgrade: websocket',
		'Connection: Upgrade',
		'Sec-WebSocket-Version: 13',
		'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
	],
	requests: ['GET /healthz HTTP/1.1', 'Host: localhost']
};

/** Opens a connection and asks; the socket once it is answered, undefined where it is refused. */
function enter({ port }: Host, lines: readonly string[]): Promise<Socket | undefined> {
	return new Promise((resolve) => {
		const socket = connectTcp(port, '127.0.0.1');
		socket.once('connect', () => socket.write(`${lines.join('\r\n')}\r\n\r\n`));
		socket.once('data', () => resolve(socket));
		socket.once('error', () => {});
		socket.once('close', () => resolve(undefined));
	});
}

async function crowd(host: Host, count: number, lines: readonly string[]): Promise<Socket[]> {
	const entered = Array.from({ length: count }, () => enter(host, lines));
	return (await Promise.all(entered)).filter((socket) => socket !== undefined);
}

describe.each(FRONTS)('%s', (TRANSPORT) => {
	test.each(['sockets', 'requests'] as const)(
		'more %s than there are file descriptors: the rest are refused, all else goes on, and who leaves makes room',
		async (kind) => {
			const lines = QUESTIONS[kind];
			const host = await startHost({ TRANSPORT, DIRECTORY: folder }, LIMIT);
			const client = connect(host);
			await call(client, 'pid');
			const browser = await RawConnection.open(host.port);

			const inside = await crowd(host, 400, lines);
			await until(() => host.output().includes(CODE));
			const refused = await enter(host, lines);
			const before = (await call(client, 'cpu')) as number;
			// Not waited for: what is measured is how little is done in it.
			await setTimeout(500);
			const seconds = ((await call(client, 'cpu')) as number) - before;
			browser.send('GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n');
			const file = await browser.response();

			expect(inside.length).toBeGreaterThan(LIMIT / 3);
			expect(inside.length).toBeLessThan(LIMIT - RESERVE);
			expect(refused).toBeUndefined();
			// One that spins takes half a second.
			expect(seconds).toBeLessThan(0.1);
			expect(file.status).toBe(200);
			expect(file.body.equals(LARGE)).toBe(true);

			for (const socket of inside.splice(0, 100)) socket.destroy();
			let entered = 0;
			await until(async () => {
				if (await enter(host, lines)) entered += 1;
				return entered === 50;
			});
			// Past the limit again.
			await crowd(host, 200, lines);
			await until(async () => (await enter(host, lines)) === undefined);
			expect(await call(client, 'pid')).toBe(host.child.pid);
			expect(host.output().split(`[${CODE}]`)).toHaveLength(2);
		}
	);
});

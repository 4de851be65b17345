import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { systemClock, type Clock } from 'svelte-realtime';
import { createClient, type Client } from 'svelte-realtime/client';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';

const SERVER = fileURLToPath(new URL('herd-server.mjs', import.meta.url));
const COUNT = 1000;

let server: ChildProcess;
/**
 * Below the ports from which clients are given theirs: a thousand that dial a dead server on such a
 * port would come to have it themselves.
 */
let port = 20_000 + (process.pid % 10_000);
let clients: Client[] = [];
/** Milliseconds that the clients' clock is fast. */
let ahead = 0;
const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };

/** Starts the server, always on the same port. */
async function serve(): Promise<void> {
	const child = spawn(process.execPath, [SERVER], {
		env: { ...process.env, NODE_OPTIONS: '', PORT: String(port) },
		stdio: ['ignore', 'pipe', 'inherit']
	});
	server = child;
	const ended = once(child, 'exit').then(() => Promise.reject(new Error('The server has ended.')));
	ended.catch(() => {});
	let output = '';
	child.stdout.setEncoding('utf8');
	while (!/^port \d+$/m.test(output)) {
		output += String((await Promise.race([once(child.stdout, 'data'), ended]))[0]);
	}
}

async function stop(signal: NodeJS.Signals): Promise<void> {
	if (server.exitCode !== null || server.signalCode !== null) return;
	const ended = once(server, 'exit');
	server.kill(signal);
	await ended;
}

/** Resolves when every client is connected. */
function everyone(): Promise<unknown> {
	const connected = (client: Client): Promise<void> =>
		new Promise((resolve) => {
			const leave = client.connection.subscribe((status) => {
				if (status !== 'open') return;
				queueMicrotask(() => leave());
				resolve();
			});
		});
	return Promise.all(clients.map(connected));
}

beforeAll(async () => {
	await serve();
	clients = Array.from({ length: COUNT }, () => {
		const client = createClient({ url: `ws://127.0.0.1:${port}/ws`, WebSocket, clock });
		client.stream('herd/feed').subscribe(() => {});
		return client;
	});
	await everyone();
	// Long enough for every connection to count as one that has held.
	ahead = 5500;
	return async () => {
		for (const client of clients) client.close();
		await stop('SIGKILL');
	};
}, 60_000);

/** Restarts the server; when each client was back, counted by seconds since the end of the old one. */
async function restart(signal: NodeJS.Signals): Promise<number[]> {
	const perSecond: number[] = [];
	const lost = new Set<Client>();
	let endedAt = 0;
	const leaving = clients.map((client) =>
		client.connection.subscribe((status) => {
			if (status !== 'open') return void lost.add(client);
			if (!lost.has(client)) return;
			const second = Math.floor((Date.now() - endedAt) / 1000);
			perSecond[second] = (perSecond[second] ?? 0) + 1;
		})
	);
	endedAt = Date.now();
	await stop(signal);
	await serve();
	await everyone();
	for (const leave of leaving) leave();
	expect(lost.size).toBe(COUNT);
	const histogram = Array.from(perSecond, (count) => count ?? 0);
	console.log(`${signal}: clients back per second: ${histogram.join(' ')}`);
	return histogram;
}

afterEach(async () => {
	const answers = await Promise.all(clients.map((client, i) => client.call('herd/echo')(i)));
	expect(answers).toEqual(clients.map((_, i) => i));
});

test('a thousand clients of a server that restarts come back spread over seconds', async () => {
	const histogram = await restart('SIGTERM');

	expect(histogram.reduce((sum, count) => sum + count)).toBe(COUNT);
	expect(Math.max(...histogram)).toBeLessThanOrEqual(COUNT / 2);
	expect(histogram.length).toBeLessThanOrEqual(15);
}, 40_000);

test('a thousand clients of a server that is killed all come back', async () => {
	const histogram = await restart('SIGKILL');

	expect(histogram.reduce((sum, count) => sum + count)).toBe(COUNT);
	expect(histogram.length).toBeLessThanOrEqual(15);
}, 40_000);

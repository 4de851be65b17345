import { createClient } from 'svelte-realtime/client';
import { expect, test } from 'vitest';
import { backoff } from '../../kernel/client/backoff.ts';
import { VirtualClock } from '../../kernel/testing/clock.ts';
import { seeded, seedOf } from '../kernel/random.ts';
import { bench, FakeSocket, outcome, settle } from './fake-server.ts';

const SEED = seedOf(3);

test.each([
	[1, undefined, 0, 1000],
	[1, 1006, 0, 1000],
	[1, 4401, 0, 1000],
	[1, 1001, 0, 5000],
	[1, 1012, 0, 5000],
	[1, 1013, 0, 5000],
	[2, 1012, 1000, 2000],
	[5, undefined, 4000, 5000],
	[6, undefined, 5000, 10_000],
	[7, undefined, 10_000, 20_000],
	[8, undefined, 15_000, 30_000],
	[40, undefined, 15_000, 30_000]
])('attempt %i after %s waits evenly between %i and %i ms', (attempt, code, from, to) => {
	const random = seeded(SEED);
	const tenths = Array.from({ length: 10 }, () => 0);
	for (let i = 0; i < 20_000; i += 1) {
		const wait = backoff(attempt, random(), code);
		tenths[Math.floor((10 * (wait - from)) / (to - from))]! += 1;
	}

	// 2,000 are expected in each; three standard deviations are 127.
	expect(tenths).toHaveLength(10);
	for (const count of tenths) expect(Math.abs(count - 2000), String(tenths)).toBeLessThan(150);
});

/** Seconds after which each of 1,000 clients of one server dials again, and how many in each. */
async function comeBack(code: number, downFor: number): Promise<number[]> {
	const clock = new VirtualClock();
	const random = seeded(SEED);
	const perSecond: number[] = [];
	const open: FakeSocket[] = [];
	let isUp = true;
	class Dialled extends FakeSocket {
		constructor(url: string) {
			super(url);
			queueMicrotask(() => {
				if (!isUp) return this.end(1006);
				open.push(this);
				this.welcome();
			});
		}
	}
	for (let i = 0; i < 1000; i += 1) {
		const client = createClient({ url: 'ws://test', WebSocket: Dialled, clock, random });
		client.connection.reconnect();
	}
	await settle();
	// Long enough for every connection to have held.
	await clock.advance(6000);
	expect(open).toHaveLength(1000);

	isUp = false;
	for (const socket of open.splice(0)) socket.end(code);
	for (let second = 0; open.length < 1000; second += 1) {
		const before = open.length;
		if (second === downFor) isUp = true;
		await clock.advance(1000);
		perSecond.push(open.length - before);
	}
	return perSecond;
}

test('a thousand clients whose server restarts come back in five seconds, about evenly', async () => {
	const perSecond = await comeBack(1012, 0);

	expect(perSecond).toHaveLength(5);
	expect(Math.max(...perSecond)).toBeLessThanOrEqual(250);
}, 60_000);

test('a thousand clients of a server that was gone for five seconds do not come back as one', async () => {
	const perSecond = await comeBack(1006, 5);

	expect(Math.max(...perSecond)).toBeLessThanOrEqual(500);
	expect(perSecond.length).toBeLessThanOrEqual(10);
}, 60_000);

test('why the connection was closed is told until it is back', async () => {
	const { client, clock, open } = bench();
	void client.call('a')();
	expect(client.connection.closed).toBeUndefined();
	(await open()).end(4401, 'Sign in again.');
	expect(client.connection.closed).toEqual({ code: 4401, reason: 'Sign in again.' });
	await clock.advance(500);
	await open();
	expect(client.connection.closed).toBeUndefined();
	client.close();
	expect(client.connection.closed).toEqual({ code: 1000, reason: '' });
});

test('reconnect() begins again after a close that was final', async () => {
	const { client, clock, sockets, open } = bench();
	void client.call('a')();
	(await open()).end(4503, 'Go away.');
	expect(client.connection.status).toBe('closed');
	await clock.advance(600_000);
	expect(sockets).toHaveLength(1);

	client.connection.reconnect();
	await open();
	expect([client.connection.status, client.connection.attempt]).toEqual(['open', 0]);
});

// --- tokens ---

test('the token is asked for at every attempt, and offered behind a name that may be repeated', async () => {
	const tokens = ['one', 'two (2), ä'];
	const { client, clock, sockets, open } = bench({ auth: () => Promise.resolve(tokens.shift()!) });
	void client.call('a')();
	(await open()).end();
	await clock.advance(500);
	await open();

	expect(sockets.map(({ protocols }) => protocols)).toEqual([
		['svelte-realtime', 'svelte-realtime.auth.one'],
		['svelte-realtime', 'svelte-realtime.auth.two%20%282%29%2C%20%C3%A4']
	]);
});

test.each([null, undefined])('a provider that gives %s connects without a token', async (token) => {
	const { client, open } = bench({ auth: () => token });
	void client.call('a')();

	expect((await open()).protocols).toEqual([]);
});

test.each([
	['throws', () => Promise.reject(new Error('no network'))],
	[
		'throws at once',
		() => {
			throw new Error('no network');
		}
	]
])('a provider that %s costs one attempt, is shown, and is asked again', async (_, failing) => {
	const shown: unknown[] = [];
	const { error } = console;
	console.error = (what: unknown) => void shown.push(what);
	let auth: () => Promise<string> = failing;
	const { client, clock, sockets, open } = bench({ auth: () => auth() });
	void client.call('a')();
	await settle();
	console.error = error;

	expect(sockets).toHaveLength(0);
	expect([client.connection.status, client.connection.attempt]).toEqual(['reconnecting', 1]);
	expect(client.connection.closed).toEqual({ code: 4401, reason: 'Error: no network' });
	expect(shown).toMatchObject([{ message: 'no network' }]);
	auth = () => Promise.resolve('t');
	await clock.advance(500);
	expect((await open()).protocols[1]).toBe('svelte-realtime.auth.t');
});

test('a provider that never answers costs one attempt, and its late answer means nothing', async () => {
	let answer!: (token: string) => void;
	const { client, clock, sockets } = bench({
		auth: () => new Promise<string>((resolve) => (answer = resolve))
	});
	void client.call('a')();
	await settle();
	const late = answer;
	await clock.advance(15_000);
	expect(client.connection.attempt).toBe(1);
	await clock.advance(500);
	late('late');
	await settle();
	expect(sockets).toHaveLength(0);
	answer('fresh');
	await settle();
	expect(sockets.map(({ protocols }) => protocols[1])).toEqual(['svelte-realtime.auth.fresh']);
});

test('close() while a token is awaited opens nothing', async () => {
	let answer!: (token: string) => void;
	const { client, sockets } = bench({
		auth: () => new Promise<string>((resolve) => (answer = resolve))
	});
	const call = client.call('a')();
	await settle();
	client.close();
	answer('late');

	expect(await outcome(call)).toBe('CONNECTION_CLOSED');
	expect(sockets).toHaveLength(0);
});

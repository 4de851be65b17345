import { live } from 'svelte-realtime';
import type { ClientOptions, QueuedCall } from 'svelte-realtime/client';
import { afterEach, expect, test } from 'vitest';
import { settle } from './fake-server.ts';
import { memoryDatabases, webLocks } from './indexed-db.ts';
import { network } from './network.ts';

/** The parts of the option are fetched by dynamic imports, which settle when the module loader says so: the end of waiting is that of the test. */
async function until(condition: () => boolean): Promise<void> {
	while (!condition()) await settle();
}

/** @param isKnown The page makes a call first. */
async function offline(options: NonNullable<ClientOptions['offline']>, isKnown = true) {
	const runs: string[] = [];
	const finish: (() => void)[] = [];
	const net = await network({
		test: {
			now: live((_ctx, key: string) => void runs.push(key)),
			later: live(async (_ctx, key: string) => {
				runs.push(key);
				await new Promise<void>((done) => finish.push(done));
			})
		}
	});
	const open = async (isCalling = true): Promise<ReturnType<typeof net.client>> => {
		const client = net.client({ offline: options, timeout: 2000 });
		let isReady = false;
		if (!isCalling) {
			client.connection.reconnect();
			await until(() => client.connection.status === 'open');
			return client;
		}
		void client
			.call('test/now')('ready')
			.then(() => (isReady = true));
		await until(() => isReady);
		return client;
	};
	const client = await open(isKnown);
	runs.length = 0;
	const call = (key: unknown, name = 'now'): Promise<string> =>
		client
			.call(`test/${name}`)(key)
			.then(
				() => 'done',
				(error: { code?: string }) => String(error.code ?? error)
			);
	return { net, client, runs, finish, call, open };
}

test('calls without a connection wait for one beyond their timeout, and go in their order', async () => {
	const { net, runs, call } = await offline({});
	net.cut();
	await settle();
	const calls = ['a', 'b', 'c'].map((key) => call(key));
	net.fate = () => 'lost';
	await net.clock.advance(10_000);
	expect(runs).toEqual([]);
	net.fate = () => 'arrives';
	await net.clock.advance(60_000);

	expect(await Promise.all(calls)).toEqual(['done', 'done', 'done']);
	expect(runs).toEqual(['a', 'b', 'c']);
});

test('sequential replay waits for each call, concurrent replay does not', async () => {
	for (const replay of ['sequential', 'concurrent'] as const) {
		const { net, runs, finish, call } = await offline({ replay });
		net.cut();
		await settle();
		const calls = [call('a', 'later'), call('b', 'later')];
		await net.clock.advance(1500);
		const third = call('c');
		await settle();

		expect(runs).toEqual(replay === 'sequential' ? ['a'] : ['a', 'b', 'c']);
		for (let i = 0; i < 2; i += 1) {
			finish[i]!();
			await settle();
		}
		expect(await Promise.all([...calls, third])).toEqual(['done', 'done', 'done']);
		expect(runs).toEqual(['a', 'b', 'c']);
	}
});

test('of too many the oldest fails with QUEUE_FULL, and of old ones each with STALE', async () => {
	const { net, runs, call } = await offline({ queue: 2, maxAge: 5000 });
	net.cut();
	await settle();
	const calls = ['a', 'b'].map((key) => call(key));
	net.fate = () => 'lost';
	await net.clock.advance(6000);
	calls.push(call('c'));
	net.fate = () => 'arrives';
	await net.clock.advance(5000);

	expect(await Promise.all(calls)).toEqual(['QUEUE_FULL', 'STALE', 'done']);
	expect(runs).toEqual(['c']);
});

test('beforeReplay may refuse, now or later, and one that throws fails its own call only', async () => {
	const seen: QueuedCall[] = [];
	const { net, runs, call } = await offline({
		async beforeReplay(queued) {
			seen.push(queued);
			await settle();
			if (queued.args[0] === 'bad') throw new Error('oops');
			return queued.args[0] !== 'no';
		}
	});
	net.cut();
	await settle();
	const calls = ['no', 'bad', 'yes'].map((key) => call(key));
	await net.clock.advance(1500);
	await until(() => runs.length > 0);

	expect(await Promise.all(calls)).toEqual(['STALE', 'Error: oops', 'done']);
	expect(seen[0]).toEqual({ path: 'test/now', args: ['no'], queuedAt: 0 });
	expect(runs).toEqual(['yes']);
});

test('a replay that is cut goes on after the next connection, wherever it was cut', async () => {
	for (let at = 0; at < 12; at += 1) {
		const { net, runs, call } = await offline({});
		net.cut();
		await settle();
		const calls = ['a', 'b', 'c'].map((key) => call(key));
		const from = net.messages.length;
		net.fate = (index) => (index === from + at ? 'lost' : 'arrives');
		await net.clock.advance(20_000);

		expect(await Promise.all(calls), `cut at ${at}`).toEqual(['done', 'done', 'done']);
		expect(runs, `cut at ${at}`).toEqual(['a', 'b', 'c']);
	}
});

test('arguments are taken as they are at the time of the call', async () => {
	const { net, runs, call } = await offline({});
	net.cut();
	await settle();
	const input = { text: 'before' };
	const made = call(input);
	input.text = 'after';
	await net.clock.advance(1500);

	expect(await made).toBe('done');
	expect(runs).toEqual([{ text: 'before' }]);
});

test('after close() what waits fails with CONNECTION_CLOSED', async () => {
	const { net, client, runs, call } = await offline({});
	net.cut();
	await settle();
	const made = call('a');
	await settle();
	client.connection.close();

	expect(await made).toBe('CONNECTION_CLOSED');
	await net.clock.advance(60_000);
	expect(runs).toEqual([]);
});

const { indexedDB, navigator } = globalThis as Record<string, unknown>;
afterEach(() => {
	define('indexedDB', indexedDB);
	define('navigator', navigator);
});

function define(name: string, value: unknown): void {
	Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

test('calls of the page before are made although the next one makes none', async () => {
	const databases = memoryDatabases();
	const locks = webLocks();
	define('indexedDB', databases);
	define('navigator', { locks });
	const { net, client, runs, call } = await offline({ persist: 'outbox' });
	net.cut();
	await settle();
	for (const key of ['a', 'b']) void call(key);
	await settle();
	databases.crash();
	client.close();
	locks.release();
	define('indexedDB', databases.reopened());

	net.client({ offline: { persist: 'outbox' } });
	await until(() => runs.length === 2);

	expect(runs).toEqual(['a', 'b']);
});

test.each([
	['has called before', true],
	// Then the server has never heard of the page, and can tell that nothing of it has come.
	['has called nothing before', false]
])(
	'calls of a page that %s outlive it: the next one makes them, once, wherever it ended',
	async (_what, isKnown) => {
		for (let at = 0; at <= 12; at += 1) {
			const databases = memoryDatabases();
			const locks = webLocks();
			define('indexedDB', databases);
			define('navigator', { locks });
			const { net, client, runs, call, open } = await offline({ persist: 'outbox' }, isKnown);
			net.cut();
			await settle();
			for (const key of ['a', 'b', 'c']) void call(key);
			await settle();
			// The page ends at this message: nothing that it sends or is sent from there on arrives.
			const from = net.messages.length;
			let isOver = false;
			net.fate = (index) => {
				if (index - from < at) return 'arrives';
				if (!isOver) {
					isOver = true;
					databases.crash();
				}
				return 'lost';
			};
			await net.clock.advance(1500);
			if (!isOver) databases.crash();
			client.close();
			locks.release();
			net.fate = () => 'arrives';
			define('indexedDB', databases.reopened());
			await open();
			await net.clock.advance(3000);
			await settle();

			const ran = runs.filter((key) => key !== 'ready');
			expect(ran.sort(), `page ended at ${at}`).toEqual(['a', 'b', 'c']);
		}
	}
);

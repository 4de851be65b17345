import { createClient, type Client } from 'svelte-realtime/client';
import { settle, VirtualClock } from 'svelte-realtime/testing';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';

afterEach(() => vi.unstubAllGlobals());

interface Asked {
	readonly url: string;
	readonly header: string | undefined;
}

/** A browser whose upgrades all fail, and whose requests are answered as a test says. */
function browser(
	answer: () => unknown,
	{ isOwn = false, ...options }: { isOwn?: boolean; auth?: () => string } = {}
) {
	const clock = new VirtualClock();
	const asked: Asked[] = [];
	const dialled: { onclose: (event: object) => void; onmessage: (event: object) => void }[] = [];
	class Socket {
		onclose: (event: object) => void = () => {};
		onmessage: (event: object) => void = () => {};
		constructor() {
			dialled.push(this);
		}
		send(): void {}
		close(): void {}
	}
	vi.stubGlobal('WebSocket', Socket);
	vi.stubGlobal('fetch', async (url: string, init: { headers: Record<string, string> }) => {
		asked.push({ url, header: init.headers['x-realtime-ask'] });
		return new Response(JSON.stringify(answer()), { status: 429 });
	});
	const client: Client = createClient({
		url: 'wss://test/ws?a',
		clock,
		random: () => 0,
		...(isOwn && { WebSocket: Socket as never }),
		...options
	});
	const fail = async (): Promise<void> => {
		dialled.at(-1)!.onclose({ code: 1006, reason: '' });
		await settle();
	};
	return { client, clock, asked, dialled, fail };
}

/** What a server begins with. */
const WELCOME = JSON.stringify({
	type: 'welcome',
	protocol: 1,
	connection: 'c1',
	limits: { message: 16384, batch: 50 }
});

/** Connects in vain, and is about to ask. */
async function failTwice({
	client,
	clock,
	fail
}: Pick<ReturnType<typeof browser>, 'client' | 'clock' | 'fail'>): Promise<void> {
	client.stream('test/feed').subscribe(() => {});
	await settle();
	await fail();
	await clock.advance(0);
	await fail();
	await clock.advance(1000);
}

/** Until the module that asks is there, whatever its loading takes. */
async function until(isThere: () => boolean): Promise<void> {
	await vi.waitUntil(isThere, { timeout: 5000, interval: 5 });
	await settle();
}

test('after two refused upgrades the client asks, shows why, and waits as long as it is told', async () => {
	const refused = { code: 'RATE_LIMITED', reason: 'Slow down.', retryAfter: 20_000 };
	const { client, clock, asked, dialled, fail } = browser(() => refused);
	client.stream('test/feed').subscribe(() => {});
	await settle();
	await fail();
	await clock.advance(0);
	await fail();
	expect(dialled).toHaveLength(2);
	expect(asked).toEqual([]);

	await clock.advance(1000);
	await until(() => client.connection.closed?.refused !== undefined);

	expect(asked).toEqual([{ url: 'https://test/ws?a', header: '1' }]);
	expect(client.connection.closed).toEqual({ code: 1006, reason: '', refused });
	expect(client.connection.status).toBe('reconnecting');
	await clock.advance(21_999);
	expect([asked.length, dialled.length]).toEqual([1, 2]);
	await clock.advance(1);
	await until(() => asked.length === 2);
	client.close();
});

test('where it would be let in it connects, and what was refused is forgotten', async () => {
	const answers: object[] = [{ code: 'UNAUTHENTICATED', reason: 'Sign in.' }, {}];
	const { client, clock, asked, dialled, fail } = browser(() => answers.shift(), {
		auth: () => 'a b'
	});
	client.stream('test/feed').subscribe(() => {});
	await settle();
	await fail();
	await clock.advance(0);
	await fail();
	await clock.advance(1000);
	await until(() => client.connection.closed?.refused?.code === 'UNAUTHENTICATED');
	await clock.advance(2000);
	await until(() => dialled.length === 3);

	dialled[2]!.onmessage({ data: WELCOME });

	expect(asked[1]!.header).toBe('svelte-realtime,svelte-realtime.auth.a%20b');
	expect(client.connection.connected).toBe(true);
	expect(client.connection.closed).toBeUndefined();
	client.close();
});

test.each([
	['nobody answers', () => Promise.reject(new TypeError('Failed to fetch'))],
	[
		'a proxy says that its server is away',
		async () => new Response('<h1>Bad Gateway</h1>', { status: 502 })
	]
])('where %s it connects as usual, and blames nobody', async (_, answer) => {
	const { client, clock, dialled, fail } = browser(() => ({}));
	vi.stubGlobal('fetch', answer);
	await failTwice({ client, clock, fail });
	await until(() => dialled.length === 3);
	await fail();

	expect(client.connection.closed).toEqual({ code: 1006, reason: '' });
	expect(client.connection.status).toBe('reconnecting');
	client.close();
});

test.each([
	[
		'the server would let it in',
		async () => new Response('{}'),
		'The server answers over HTTP, and no WebSocket to wss://test/ws?a opens: a proxy'
	],
	[
		'a page is the answer',
		async () => new Response('<h1>hello</h1>'),
		'No WebSocket to wss://test/ws?a opens, and what answers there with 200 is not its server'
	],
	[
		'null is the answer',
		async () => new Response('null', { status: 403 }),
		'what answers there with 403 is not its server'
	]
])('where %s and no socket opens, it says so and goes on', async (_, answer, reason) => {
	const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
	onTestFinished(() => warned.mockRestore());
	const { client, clock, dialled, fail } = browser(() => ({}));
	vi.stubGlobal('fetch', answer);
	const seen: string[] = [];
	client.connection.subscribe((status) => void seen.push(status));
	await failTwice({ client, clock, fail });
	await until(() => dialled.length === 3);
	expect(client.connection.closed?.refused).toBeUndefined();

	await fail();

	const { closed } = client.connection;
	expect(seen.at(-1)).toBe('blocked');
	expect(closed).toMatchObject({ code: 1006, refused: { code: 'UPGRADE_BLOCKED' } });
	expect(closed!.refused!.reason).toContain(reason);
	await clock.advance(10_000);
	await until(() => dialled.length === 4);
	expect(warned.mock.calls.flat().filter((line) => line.includes(reason))).toHaveLength(1);
	dialled[3]!.onmessage({ data: WELCOME });
	expect(seen.at(-1)).toBe('open');
	expect(client.connection.closed).toBeUndefined();

	// What comes after it was open has another cause.
	await fail();
	expect(client.connection.status).toBe('reconnecting');
	expect(client.connection.closed).toEqual({ code: 1006, reason: '' });
	client.close();
});

test('a proxy that never answers an upgrade is found out as well, and what a server says is not its', async () => {
	const { client, clock, dialled, fail } = browser(() => ({}));
	vi.stubGlobal('fetch', async () => new Response('{}'));
	await failTwice({ client, clock, fail });
	await until(() => dialled.length === 3);

	await clock.advance(15_000);
	expect(client.connection.status).toBe('blocked');

	await clock.advance(10_000);
	await until(() => dialled.length === 4);
	dialled[3]!.onclose({ code: 4500, reason: 'Not you.' });
	expect(client.connection.status).toBe('closed');
	expect(client.connection.closed).toEqual({ code: 4500, reason: 'Not you.' });
	client.close();
});

test('a client with a WebSocket of its own asks nobody', async () => {
	const { client, clock, asked, dialled, fail } = browser(() => ({}), { isOwn: true });
	client.stream('test/feed').subscribe(() => {});
	await settle();
	for (let i = 0; i < 4; i += 1) {
		await fail();
		await clock.advance(10_000);
	}

	expect(dialled).toHaveLength(5);
	expect(asked).toEqual([]);
	client.close();
});

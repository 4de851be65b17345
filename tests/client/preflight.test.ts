import { createClient, type Client, type ClientOptions } from 'svelte-realtime/client';
import { settle, VirtualClock } from 'svelte-realtime/testing';
import { afterEach, expect, test, vi } from 'vitest';
import { addressOf } from '../../plugins/identity/preflight.ts';

const clients: Client[] = [];
afterEach(() => {
	for (const client of clients.splice(0)) client.close();
	vi.unstubAllGlobals();
	vi.restoreAllMocks();
});

interface Dialled {
	readonly protocols: readonly string[] | undefined;
	onclose(event: object): void;
	onmessage(event: object): void;
}

/** A browser whose requests are answered as a test says, and whose upgrades wait for it. */
function browser(answer: (init: RequestInit) => Response | Promise<Response>) {
	const clock = new VirtualClock();
	const asked: { readonly url: string; readonly init: RequestInit }[] = [];
	const dialled: Dialled[] = [];
	class Socket {
		onclose: (event: object) => void = () => {};
		onmessage: (event: object) => void = () => {};
		readonly protocols: readonly string[] | undefined;
		constructor(_url: string, protocols?: readonly string[]) {
			this.protocols = protocols;
			dialled.push(this);
		}
		send(): void {}
		close(): void {}
	}
	vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
		asked.push({ url, init });
		return answer(init);
	});
	const client = (options: ClientOptions = {}): Client => {
		const made = createClient({
			url: 'wss://test/app/ws?a',
			clock,
			random: () => 0.5,
			WebSocket: Socket as never,
			auth: true,
			...options
		});
		clients.push(made);
		return made;
	};
	const welcome = (): void => {
		const limits = { message: 16384, batch: 50 };
		const frame = { type: 'welcome', protocol: 1, connection: 'c1', limits };
		dialled.at(-1)!.onmessage({ data: JSON.stringify(frame) });
	};
	return { client, clock, asked, dialled, welcome };
}

/** Until the module that asks is there, whatever its loading takes. */
async function until(isThere: () => boolean): Promise<void> {
	await vi.waitUntil(isThere, { timeout: 5000, interval: 5 });
	await settle();
}

const refusal = (status: number, code: string, more: object = {}): Response =>
	new Response(JSON.stringify({ code, reason: 'Because.', ...more }), { status });

test.each([
	['ws://test/ws', true, 'http://test/__ws/auth'],
	['wss://test:8443/app/ws?a=b', true, 'https://test:8443/app/__ws/auth?a=b'],
	['wss://test/app/ws', '/refresh', 'https://test/refresh'],
	['wss://test/app/ws', 'https://auth.test/refresh', 'https://auth.test/refresh']
] as const)('for %s and %s it asks at %s', (socket, path, url) => {
	expect(addressOf(socket, path)).toBe(url);
});

test('before each upgrade it asks with a POST that carries cookies, and then shows no token', async () => {
	const { client, clock, asked, dialled, welcome } = browser(
		() => new Response(null, { status: 204 })
	);
	const { connection } = client();
	connection.reconnect();
	await until(() => dialled.length === 1);
	expect(asked).toHaveLength(1);
	welcome();
	expect(connection.status).toBe('open');

	dialled[0]!.onclose({ code: 1006, reason: '' });
	await clock.advance(500);
	await until(() => dialled.length === 2);

	expect(asked.map(({ url }) => url)).toEqual(Array(2).fill('https://test/app/__ws/auth?a'));
	expect(asked[0]!.init).toMatchObject({ method: 'POST', credentials: 'include' });
	expect(asked[0]!.init.body).toBeUndefined();
	expect(dialled.map(({ protocols }) => protocols)).toEqual([undefined, undefined]);
});

test.each([
	[401, 'UNAUTHENTICATED', 4501],
	[403, 'FORBIDDEN', 4503],
	[400, 'INVALID_REQUEST', 4503]
])(
	'a refusal with %i %s is the end, until the page says otherwise',
	async (status, code, close) => {
		const answers = [refusal(status, code), new Response(null, { status: 204 })];
		const { client, clock, asked, dialled } = browser(() => answers.shift()!);
		const made = client();
		const call = made.call('test/call')();
		call.catch(() => {});
		await until(() => made.connection.status === 'closed');

		const refused = { code, reason: 'Because.' };
		expect(made.connection.closed).toEqual({ code: close, reason: 'Because.', refused });
		await expect(call).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
		await clock.advance(120_000);
		expect([asked.length, dialled.length]).toEqual([1, 0]);
		made.connection.reconnect();
		await until(() => dialled.length === 1);

		expect(asked).toHaveLength(2);
	}
);

test.each<[string, () => Response | Promise<Response>, object, number]>([
	['nobody answers', () => Promise.reject(new TypeError('Failed to fetch')), {}, 0],
	[
		'the server has a fault',
		() => new Response('oh', { status: 502 }),
		{ code: 'SERVICE_UNAVAILABLE' },
		0
	],
	[
		'there were too many',
		() => refusal(429, 'RATE_LIMITED', { retryAfter: 4000 }),
		{ code: 'RATE_LIMITED' },
		4000
	],
	[
		'a page of the app says when',
		() => new Response('later', { status: 429, headers: { 'retry-after': '3' } }),
		{ code: 'RATE_LIMITED' },
		3000
	]
])('where %s it waits and asks again, and reports no error', async (_, answer, refused, wait) => {
	const reported = vi.spyOn(console, 'error').mockImplementation(() => {});
	const { client, clock, asked, dialled } = browser(answer);
	const { connection } = client();
	connection.reconnect();
	await until(() => connection.closed !== undefined);

	expect(connection.status).toBe('reconnecting');
	expect(connection.closed?.code).toBe(1006);
	expect(connection.closed?.refused ?? {}).toMatchObject(refused);
	await clock.advance(499 + wait);
	expect(asked).toHaveLength(1);
	await clock.advance(1);
	await until(() => asked.length === 2);

	expect(dialled).toEqual([]);
	expect(reported).not.toHaveBeenCalled();
});

test('attempts at the same time ask once', async () => {
	let answer!: (response: Response) => void;
	const { client, asked, dialled } = browser(() => new Promise((resolve) => (answer = resolve)));
	const [one, two] = [client(), client()];
	one.connection.reconnect();
	two.connection.reconnect();
	await until(() => asked.length === 1);
	one.connection.reconnect();
	await settle();

	answer(new Response(null, { status: 204 }));
	await until(() => dialled.length === 2);

	expect(asked).toHaveLength(1);
	two.connection.reconnect();
	await until(() => asked.length === 2);
	answer(new Response(null, { status: 204 }));
	await settle();
});

test('an answer that never comes is given up with the attempt, and the next one asks anew', async () => {
	const { client, clock, asked } = browser(
		({ signal }) =>
			new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)))
	);
	const { connection } = client();
	connection.reconnect();
	await until(() => asked.length === 1);

	await clock.advance(15_000);
	expect(connection.status).toBe('reconnecting');
	await clock.advance(500);
	await until(() => asked.length === 2);

	expect(asked[0]!.init.signal!.aborted).toBe(true);
	await clock.advance(15_000);
});

test('a page that closes while it asks opens nothing', async () => {
	let answer!: (response: Response) => void;
	const { client, asked, dialled } = browser(() => new Promise((resolve) => (answer = resolve)));
	const { connection } = client();
	connection.reconnect();
	await until(() => asked.length === 1);

	connection.close();
	answer(new Response(null, { status: 204 }));
	await settle();

	expect([connection.status, dialled.length]).toEqual(['closed', 0]);
});

test('a server that would set cookies with the upgrade, and holds no connection, is warned of once', async () => {
	const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
	const { client, clock, asked, dialled } = browser(() => Response.json({ setsCookies: true }));
	vi.stubGlobal(
		'WebSocket',
		class {
			onclose: (event: object) => void = () => {};
			protocols = undefined;
			onmessage(): void {}
			constructor() {
				dialled.push(this);
			}
			send(): void {}
			close(): void {}
		}
	);
	const { connection } = client({ auth: undefined as never, WebSocket: undefined as never });
	connection.reconnect();
	for (let attempt = 1; attempt <= 4; attempt += 1) {
		await until(() => dialled.length === attempt);
		if (attempt < 3) expect(warned).not.toHaveBeenCalled();
		dialled.at(-1)!.onclose({ code: 1006, reason: '' });
		await clock.advance(6000);
	}

	expect(asked.length).toBeGreaterThan(1);
	expect(warned).toHaveBeenCalledOnce();
	expect(warned.mock.calls[0]![0]).toContain('configure({ auth: true })');
	expect(connection.status).toBe('blocked');
	expect(connection.closed!.refused!.reason).toContain('configure({ auth: true })');
});

import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import {
	buildCopy,
	freePort,
	ROOT,
	run,
	startBuilt,
	stop,
	type Built,
	type Running
} from './site.ts';

const FIXTURE = join(ROOT, 'tests/fixtures/identity');
const VITE = join(ROOT, 'node_modules/vite/bin/vite.js');

interface Reply {
	readonly data?: unknown;
	readonly error?: { readonly code: string; readonly [field: string]: unknown };
}

interface Visitor {
	call(path: string, ...args: unknown[]): Promise<Reply>;
	follow(path: string): Promise<Reply>;
}

interface Refusal {
	readonly status: number | undefined;
	readonly code: unknown;
	readonly retryAfter?: unknown;
}

let server: Running;
const sockets: WebSocket[] = [];

afterEach(() => {
	for (const socket of sockets.splice(0)) socket.terminate();
});

/** Opens a socket with these cookies, or says why it could not. */
async function knock(
	cookie: string,
	headers: Record<string, string> = {}
): Promise<Visitor | Refusal> {
	const url = `${server.url.replace('http', 'ws')}/ws`;
	const socket = new WebSocket(url, {
		origin: server.url,
		headers: { 'user-agent': 'tests', ...(cookie && { cookie }), ...headers }
	});
	sockets.push(socket);
	// A refused socket is ended with the others, and says then that it was never open.
	socket.on('error', () => {});
	const refused = once(socket, 'unexpected-response');
	const isOpen = await Promise.race([once(socket, 'open').then(() => true), refused]);
	if (isOpen !== true) {
		const [, response] = isOpen as [unknown, import('node:http').IncomingMessage];
		const text = (await response.setEncoding('utf8').toArray()).join('');
		const { code, retryAfter } = JSON.parse(text) as { code: unknown; retryAfter?: unknown };
		const refusal = { status: response.statusCode, code };
		return retryAfter === undefined ? refusal : { ...refusal, retryAfter };
	}
	let lastId = 0;
	const waiting = new Map<number, (reply: Reply) => void>();
	socket.on('message', (text) => {
		for (const frame of [JSON.parse(String(text)) as Reply & { id: number }].flat()) {
			waiting.get(frame.id)?.(frame);
		}
	});
	const ask = (type: string, path: string, args?: unknown[]): Promise<Reply> => {
		const id = (lastId += 1);
		return new Promise((resolve) => {
			waiting.set(id, ({ data, error }) => resolve(error ? { error } : { data }));
			socket.send(JSON.stringify({ type, id, path, args }));
		});
	};
	return {
		call: (path, ...args) => ask('rpc', path, args),
		follow: (path) => ask('stream', path)
	};
}

async function enter(cookie: string, headers?: Record<string, string>): Promise<Visitor> {
	const visitor = await knock(cookie, headers);
	if (!('call' in visitor)) throw new Error(`Refused: ${JSON.stringify(visitor)}`);
	return visitor;
}

/** A dev or preview server listens before the app behind its socket has started. */
async function ready(): Promise<void> {
	await fetch(server.url);
	const isRefused = async (): Promise<boolean> => {
		const refusal = (await knock('')) as Partial<Refusal>;
		return refusal.status === 503;
	};
	await vi.waitFor(async () => expect(await isRefused()).toBe(false), { timeout: 30_000 });
}

async function failures(): Promise<string[]> {
	return (await (await fetch(`${server.url}/errors`)).json()) as string[];
}

const around = (id: string) => ({
	data: {
		id,
		isSame: true,
		path: '/ws',
		agent: 'tests',
		address: '127.0.0.1',
		upgrade: null
	}
});

/** What holds wherever the app runs. */
function holds(): void {
	test('who somebody is comes from the app’s own handle, for each connection by itself', async () => {
		const [ada, bob, nobody] = await Promise.all([
			enter('session=ada'),
			enter('session=bob'),
			enter('')
		]);

		expect((await ada.call('who/me')).data).toMatchObject({ id: 'ada' });
		expect((await bob.call('who/me')).data).toMatchObject({ id: 'bob' });
		expect(await nobody.call('who/me')).toEqual({ data: null });
	});

	test('getRequestEvent gives each call the request of its own connection, also after awaits', async () => {
		const [ada, bob] = await Promise.all([enter('session=ada'), enter('session=bob')]);

		const answers = await Promise.all(
			[ada, bob, ada, bob].map((visitor) => visitor.call('who/around'))
		);

		expect(answers).toEqual(['ada', 'bob', 'ada', 'bob'].map(around));
	});

	test('a loader and a guard of a folder find the event too', async () => {
		const [ada, nobody] = [await enter('session=ada'), await enter('')];

		expect((await ada.follow('who/mine')).data).toEqual({ id: 'ada' });
		expect((await ada.call('private/notes/read')).data).toBe('the notes of ada');
		expect((await nobody.call('private/notes/read')).error).toMatchObject({
			code: 'UNAUTHENTICATED',
			message: 'Sign in, please.'
		});
	});

	test('where no request is, getRequestEvent throws as ever', async () => {
		const visitor = await enter('');

		expect((await visitor.call('who/noRequest')).data).toMatch(/current request event/);
	});

	test('a page that is rendered and the socket know the same person, and handle runs once for each', async () => {
		const bob = await enter('session=bob');
		const page = async (): Promise<(string | undefined)[]> => {
			const html = await (await fetch(server.url, { headers: { cookie: 'session=bob' } })).text();
			return ['mine', 'visits'].map((id) => new RegExp(`id="${id}">([^<]*)`).exec(html)?.[1]);
		};
		const [mine, visits] = await page();

		expect(mine).toBe('bob');
		expect((await bob.follow('who/mine')).data).toEqual({ id: 'bob' });
		expect((await page())[1]).toBe(String(Number(visits) + 1));
	});

	test('a request of its own is a POST, in which handle has run anew', async () => {
		const ada = await enter('session=ada');
		const one = (await ada.call('who/afresh')).data as { visits: number };

		expect(one).toMatchObject({ method: 'POST', user: { id: 'ada', visits: one.visits } });
		expect((await ada.call('who/afresh')).data).toMatchObject({ visits: one.visits + 1 });
	});

	test('a session that has ended is noticed by what runs in a request of its own', async () => {
		const cyd = await enter('session=cyd');
		expect((await cyd.call('private/notes/readFresh')).data).toBe('the notes of cyd');

		await fetch(`${server.url}/sign-out?session=cyd`);

		expect((await cyd.call('private/notes/readFresh')).error?.code).toBe('UNAUTHENTICATED');
		expect((await cyd.call('private/notes/read')).data).toBe('the notes of cyd');
	});

	test('what nobody could be sent is refused: cookies and headers of a live function', async () => {
		const ada = await enter('session=ada');
		const before = (await failures()).length;

		for (const path of ['who/cookie', 'who/freshCookie', 'who/header']) {
			expect((await ada.call(path)).error?.code).toBe('INTERNAL_ERROR');
		}

		const told = (await failures()).slice(before);
		expect(told).toHaveLength(3);
		for (const text of told) expect(text).toContain('RT_EVENT_RESPONSE');
	});

	test.each([
		['handle=redirects', { status: 401, code: 'UNAUTHENTICATED' }],
		['handle=401', { status: 401, code: 'UNAUTHENTICATED' }],
		['handle=403', { status: 403, code: 'FORBIDDEN' }],
		['handle=busy', { status: 429, code: 'RATE_LIMITED', retryAfter: 7000 }],
		['handle=503', { status: 503, code: 'SERVICE_UNAVAILABLE' }],
		['handle=418', { status: 500, code: 'INTERNAL_ERROR' }],
		['handle=200', { status: 500, code: 'INTERNAL_ERROR' }],
		['handle=throws', { status: 500, code: 'INTERNAL_ERROR' }],
		['user=403', { status: 403, code: 'FORBIDDEN' }],
		['user=throws', { status: 500, code: 'INTERNAL_ERROR' }],
		['user=hangs', { status: 504, code: 'TIMED_OUT_GUARD' }]
	])('a visitor with %s is refused', async (cookie, refusal) => {
		expect(await knock(`session=ada; ${cookie}`)).toEqual(refusal);
	});

	test('what goes wrong in user() is told to handleError', async () => {
		await knock('session=bob; user=throws');

		expect((await failures()).at(-1)).toBe('user() is broken 500 /ws bob');
	});

	test('a handle that asks the app something, or sets a cookie, lets its visitor in', async () => {
		const asks = await enter('session=ada; handle=asks');
		const sets = await enter('session=bob; handle=sets');

		expect((await asks.call('who/around')).data).toMatchObject({ id: 'ada' });
		expect((await sets.call('who/around')).data).toMatchObject({ id: 'bob' });
	});

	test('no header of a client passes for one of ours', async () => {
		const name = 'x-svelte-realtime-request';
		const stranger = await enter('', { [name]: 'a-name', 'x-forwarded-user': 'ada' });
		const page = await fetch(server.url, { headers: { [name]: 'a-name' } });

		expect(await stranger.call('who/me')).toEqual({ data: null });
		expect(page.status).toBe(200);
		expect(await page.text()).toContain('nobody');
	});

	test.each([
		['who/missing', { code: 'NOT_FOUND', body: { message: 'No such note.', errorId: 'n1' } }],
		['who/elsewhere', { code: 'REDIRECT', location: '/login?next=/notes' }],
		[
			'who/busy',
			{
				code: 'RATE_LIMITED',
				message: 'Slowly.',
				retryAfter: 1234,
				issues: [{ message: 'too much', path: ['n'] }]
			}
		]
	])('the error of %s reaches the client whole', async (path, error) => {
		expect((await (await enter('')).call(path)).error).toMatchObject(error);
	});

	test.each([
		['busy', 429, { code: 'RATE_LIMITED', message: 'Slowly.', retryAfter: 1234 }],
		['missing', 404, { message: 'No such stream.' }]
	])(
		'a page that cannot load the stream %s fails with status %i, and says why',
		async (path, status, error) => {
			const page = await fetch(`${server.url}/${path}`);
			const shown = /id="error">([^<]*)</.exec(await page.text())?.[1] ?? '';

			expect(page.status).toBe(status);
			expect(JSON.parse(shown.replaceAll('&quot;', '"'))).toEqual(error);
		}
	);

	test('SvelteKit’s error reaches who follows a stream', async () => {
		const { error } = await (await enter('')).follow('who/missingStream');

		expect(error).toMatchObject({ code: 'NOT_FOUND', message: 'No such stream.' });
	});

	test('what only looks like an error of SvelteKit’s tells a client nothing', async () => {
		const { error } = await (await enter('')).call('who/alike');

		expect(error?.code).toBe('INTERNAL_ERROR');
		expect(JSON.stringify(error)).not.toContain('secret');
	});

	test.each([
		['calls', 'who/broken', 'it broke', (visitor: Visitor, path: string) => visitor.call(path)],
		[
			'streams',
			'who/brokenStream',
			'the loader broke',
			(visitor: Visitor, path: string) => visitor.follow(path)
		]
	])(
		'unknown errors of %s are told to handleError, whose answer reaches the client',
		async (_, path, why, ask) => {
			const { error } = await ask(await enter('session=ada'), path);
			const told = await failures();

			expect(told.at(-1)).toBe(`${why} 500 /ws ada`);
			expect(error).toEqual({
				code: 'INTERNAL_ERROR',
				message: 'Internal Error, noted',
				body: { message: 'Internal Error, noted', errorId: `e${told.length}` }
			});
		}
	);

	test('a module that imports remote functions calls them afresh each time', async () => {
		const ada = await enter('session=ada');
		const first = (await ada.call('counters/increase')).data as number;

		expect((await ada.call('counters/read')).data).toBe(first);
		expect((await ada.call('counters/increase')).data).toBe(first + 1);
		expect((await ada.call('counters/read')).data).toBe(first + 1);
	});
}

let built: Built;
beforeAll(async () => {
	built = await buildCopy('identity', FIXTURE);
});

describe.each([['uws'], ['node']])('a built app on %s', (transport) => {
	beforeAll(async () => {
		server = await startBuilt(built.folder, { TRANSPORT: transport });
		expect(server.output()).toContain(`(${transport})`);
	});
	afterAll(() => stop(server));

	holds();
});

const command = (...args: string[]): string[] => [process.execPath, VITE, ...args];

describe.each([['dev'], ['preview']])('vite %s', (what) => {
	beforeAll(async () => {
		const port = String(await freePort());
		const flags = ['--host', '127.0.0.1', '--port', port, '--strictPort'];
		server = await run(command(what, ...flags), built.folder, {}, /Local:\s+(http:\S+)/);
		await ready();
	});
	afterAll(() => stop(server));

	holds();
});

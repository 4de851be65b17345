import { AsyncLocalStorage } from 'node:async_hooks';
import { parse, serialize } from 'cookie';
import { defineConfig, isLiveError, live, LiveError, type RequestEvent } from 'svelte-realtime';
import { fakeTransport, settle, VirtualClock } from 'svelte-realtime/testing';
import { afterEach, expect, test, vi } from 'vitest';
import {
	expectRequest,
	platformWith,
	wrapHooks,
	type Handle,
	type RequestSlot
} from '../../adapter/hooks.ts';
import { createApp, type App, type AppDefinition } from '../../adapter/runtime/app.ts';
import type { Respond } from '../../adapter/runtime/visit.ts';
import { startKernel } from '../kernel/tracked.ts';

/** The request that runs, as `getRequestEvent` finds it. */
const store = new AsyncLocalStorage<RequestEvent>();

interface Hooks {
	handle?: Handle;
	handleError?: (input: { error: unknown; event: RequestEvent }) => unknown;
	/** What SvelteKit answers before it asks `handle`. */
	before?: (request: Request) => Response | undefined;
}

/** The way from a request to `handle`, as SvelteKit has it. */
function framework({ before, ...hooks }: Hooks = {}) {
	const visits: Request[] = [];
	const { handle } = wrapHooks(hooks as never) as { handle: Handle };
	const answer = async (request: Request, platform: object, ip: string): Promise<Response> => {
		const early = before?.(request);
		if (early) return early;
		const given = parse(request.headers.get('cookie') ?? '');
		const event = {
			request,
			platform,
			isSubRequest: false,
			url: new URL(request.url),
			locals: { name: given['name'] ?? null },
			cookies: {
				get: (name: string) => given[name],
				set() {},
				delete() {},
				serialize: (name: string, value: string) => serialize(name, value, { path: '/' })
			},
			getClientAddress: () => ip
		};
		return store.run(event as never, async () => handle({ event, resolve: () => new Response() }));
	};
	const respond: Respond = (request, slot, ip) => {
		visits.push(request);
		return answer(request, platformWith({ site: true }, slot), ip);
	};
	return { respond, visits, answer };
}

const reported: unknown[] = [];
let app: App | undefined;
afterEach(async () => {
	await app?.close();
	app = undefined;
	reported.length = 0;
});

async function start(
	definition: Partial<AppDefinition>,
	kit: ReturnType<typeof framework>,
	more: { clock?: VirtualClock; dev?: boolean } = {}
): Promise<App> {
	app = await createApp(
		{ modules: {}, ...definition },
		{
			transport: fakeTransport(),
			kit: { respond: kit.respond, path: '/ws' },
			report: (_plugin, error) => void reported.push(error),
			...more
		}
	);
	return app;
}

const visitor = (name: string, headers: Record<string, string> = {}) => ({
	url: '/ws?a=b',
	headers: { cookie: `name=${name}`, host: 'example.com', ...headers },
	ip: '10.0.0.1',
	origin: 'https://example.com'
});

const byName = defineConfig({ user: ({ cookies }) => cookies.get('name') });

test('an app that asks for nothing of a request does not run handle at upgrades', async () => {
	const kit = framework();
	const { kernel } = await start({ modules: { chat: { say: live(() => 'hi') } } }, kit);

	const answer = await kernel.upgrade(visitor('ada'));

	expect(answer).toMatchObject({ ok: true, data: {} });
	expect(kit.visits).toEqual([]);
});

test('handle is asked as a page of this visitor would, without what belongs to a socket', async () => {
	const kit = framework();
	const { kernel } = await start({ config: byName }, kit);
	const headers = {
		connection: 'Upgrade',
		upgrade: 'websocket',
		'sec-websocket-key': 'k',
		'sec-websocket-protocol': 'p',
		origin: 'https://example.com',
		accept: 'x/y'
	};

	const answer = await kernel.upgrade(visitor('ada', headers));

	expect(answer).toMatchObject({ ok: true, data: { user: 'ada' } });
	const [request] = kit.visits;
	expect([request!.method, request!.url]).toEqual(['GET', 'https://example.com/ws?a=b']);
	expect([...request!.headers].map(([name]) => name)).toEqual([
		'accept',
		'cookie',
		'host',
		'origin'
	]);
});

test('who only wants the user keeps nothing of the request', async () => {
	const { kernel } = await start({ config: byName }, framework());

	const answer = await kernel.upgrade(visitor('ada'));

	if (!answer.ok) throw new Error(answer.reason);
	expect(Reflect.ownKeys(answer.data).filter((key) => String(key).includes('seat'))).toEqual([]);
});

test('a page that is rendered asks for its user once, of its own event', async () => {
	const kit = framework();
	const { kernel } = await start({ config: byName }, kit);
	const event = { cookies: { get: () => 'bob' } } as unknown as RequestEvent;

	const answer = await kernel.identify({ ...visitor('ada'), event });

	expect(answer).toMatchObject({ ok: true, data: { user: 'bob' } });
	expect(kit.visits).toEqual([]);
});

test('user may be another after a save, and connections stay', async () => {
	const { kernel, change } = await start({ config: byName }, framework());
	const config = defineConfig({ user: () => 'somebody' });

	expect(await change({ config, modules: {} })).toBe(true);

	expect(await kernel.upgrade(visitor('ada'))).toMatchObject({ data: { user: 'somebody' } });
});

test.each([
	[new LiveError('FULL', 'Come back later.', { retryAfter: 5 }), 'FULL', 409],
	[new Error('broken'), 'INTERNAL_ERROR', 500]
])(
	'a user() that throws %s refuses, and only what it did not mean to is reported',
	async (error, code, status) => {
		const fails = (): never => {
			throw error;
		};
		const { kernel } = await start({ config: defineConfig({ user: fails }) }, framework());

		expect(await kernel.upgrade(visitor('ada'))).toMatchObject({ ok: false, code, status });
		expect(reported).toEqual(code === 'INTERNAL_ERROR' ? [error] : []);
	}
);

test('a handle that never answers is given up at the time of upgrades', async () => {
	const clock = new VirtualClock();
	const kit = framework({ handle: () => new Promise(() => {}) });
	const { kernel } = await start({ config: byName }, kit, { clock });

	const answer = kernel.upgrade(visitor('ada'));
	await clock.advance(10_000);

	expect(await answer).toMatchObject({ ok: false, code: 'TIMED_OUT_GUARD' });
});

test('what SvelteKit answers before handle is asked is reported, with what to do', async () => {
	const kit = framework({ before: () => new Response(null, { status: 404 }) });
	const { kernel } = await start({ config: byName }, kit);

	expect(await kernel.upgrade(visitor('ada'))).toMatchObject({ code: 'INTERNAL_ERROR' });
	expect(String(reported)).toContain('RT_UPGRADE_MISSED');
});

test('a route for every path whose pages end in a slash does not stand in the way', async () => {
	const kit = framework({
		before({ url }) {
			if (new URL(url).pathname.endsWith('/')) return undefined;
			const headers = { 'x-sveltekit-normalize': '1', location: '/ws/?a=b' };
			return new Response(null, { status: 308, headers });
		}
	});
	const { kernel } = await start({ config: byName }, kit);

	expect(await kernel.upgrade(visitor('ada'))).toMatchObject({ data: { user: 'ada' } });
});

test('a date after which to come back is told as time', async () => {
	const now = Date.parse('2026-01-01T00:00:00Z');
	const headers = { 'retry-after': 'Thu, 01 Jan 2026 00:01:00 GMT' };
	const kit = framework({ handle: () => new Response(null, { status: 503, headers }) });
	const { kernel } = await start({ config: byName }, kit, { clock: new VirtualClock(now) });

	expect(await kernel.upgrade(visitor('ada'))).toMatchObject({
		code: 'SERVICE_UNAVAILABLE',
		retryAfter: 60_000
	});
});

const setting: Handle = ({ event, resolve }) => {
	const { cookies } = event as unknown as {
		cookies: { set(name: string, value: string, options: object): void };
	};
	cookies.set('seen', '1', { path: '/' });
	cookies.set('seen', '2', { path: '/' });
	return resolve(event);
};

test('cookies that handle sets go out with the answer to a preflight, each once', async () => {
	const { kernel } = await start({ config: byName }, framework({ handle: setting }));

	const answer = await kernel.preflight(visitor('ada'));

	expect(answer).toMatchObject({ ok: true, setCookies: ['seen=2; Path=/'] });
});

test('cookies that no upgrade can carry are named once, and only while the app is written', async () => {
	const kit = framework({ handle: setting });
	const silent = await start({ config: byName }, kit);
	await silent.kernel.upgrade(visitor('ada'));
	await silent.close();
	expect(reported).toEqual([]);

	const { kernel } = await start({ config: byName }, kit, { dev: true });
	await kernel.upgrade(visitor('ada'));
	await kernel.upgrade(visitor('bob'));

	expect(reported).toHaveLength(1);
	expect(String(reported[0])).toMatch(/RT_UPGRADE_COOKIES.*\(seen\)/);
});

// --- our own requests ---

const slot = (): RequestSlot & { answered: number } => ({
	answered: 0,
	async answer() {
		this.answered += 1;
		return new Response(null, { status: 204 });
	}
});

test('a name is good for one request, and nobody else’s name is any good', async () => {
	const { answer } = framework();
	const expected = slot();
	const forget = expectRequest('a-name', expected);
	const named = (name: string): Request =>
		new Request('http://x/', { headers: { 'x-svelte-realtime-request': name } });

	for (const name of ['another', 'a-name', 'a-name']) await answer(named(name), {}, '');
	expect(expected.answered).toBe(1);

	expectRequest('late', expected);
	forget();
	expectRequest('late', expected)();
	await answer(named('late'), {}, '');
	expect(expected.answered).toBe(1);
});

test('what handle asks of the app itself is no visit, though it has the same platform', async () => {
	const asked: string[] = [];
	const kit = framework({
		async handle({ event, resolve }) {
			asked.push(new URL(event.request.url).pathname);
			if (asked.length === 1) {
				const inner = new Request('https://example.com/api', event.request);
				const answer = await kit.answer(inner, event.platform as object, '');
				asked.push(String(answer.status));
			}
			return resolve(event);
		}
	});
	const { kernel } = await start({ config: byName }, kit);

	expect(await kernel.upgrade(visitor('ada'))).toMatchObject({ data: { user: 'ada' } });
	expect(asked).toEqual(['/ws', '/api', '200']);
});

// --- live functions ---

const later = async <T>(value: T): Promise<T> => {
	await Promise.resolve();
	return value;
};

const nameOf = (event: RequestEvent | undefined): unknown =>
	(event?.locals as { name?: unknown } | undefined)?.name ?? null;

/** Connects somebody, with what the gates of `app` have left. */
async function connected({ kernel }: App, name: string) {
	const answer = await kernel.upgrade(visitor(name));
	if (!answer.ok) throw new Error(answer.reason);
	const socket = fakeTransport().socket();
	const connection = kernel.open(socket, answer.data);
	const frames = (): { id?: number; data?: unknown; error?: unknown }[] =>
		socket.sent.flatMap((text) => JSON.parse(String(text)) as never);
	let lastId = 0;
	return async (path: string): Promise<unknown> => {
		const id = (lastId += 1);
		const text = JSON.stringify({ type: 'rpc', id, path, args: [] });
		kernel.message(connection, text, text.length);
		await vi.waitFor(() => expect(frames().some((frame) => frame.id === id)).toBe(true));
		const { data, error } = frames().find((frame) => frame.id === id)!;
		return error ?? data;
	};
}

const names = {
	around: live(async (ctx) => [
		nameOf(store.getStore()),
		await later(0),
		nameOf(store.getStore()),
		ctx.user
	]),
	afresh: live((ctx) => [nameOf(store.getStore()), ctx.user], { context: 'request' })
};

test('calls run in the request of their connection, interleaved and after awaits', async () => {
	const app = await start({ config: byName, modules: { names }, requestEvents: true }, framework());
	const [ada, bob] = [await connected(app, 'ada'), await connected(app, 'bob')];

	const answers = await Promise.all([ada('names/around'), bob('names/around')]);

	expect(answers).toEqual([
		['ada', 0, 'ada', 'ada'],
		['bob', 0, 'bob', 'bob']
	]);
});

test('where nobody imports getRequestEvent, calls run in no request', async () => {
	const app = await start({ config: byName, modules: { names } }, framework());
	const ada = await connected(app, 'ada');

	expect(await ada('names/around')).toEqual([null, 0, null, 'ada']);
});

test('a call with a request of its own has the user of now, and the others that of then', async () => {
	let user: unknown = 'first';
	const config = defineConfig({ user: () => user });
	const app = await start({ config, modules: { names } }, framework());
	const ada = await connected(app, 'ada');

	user = 'second';

	expect(await ada('names/afresh')).toEqual(['ada', 'second']);
	expect(await ada('names/around')).toEqual([null, 0, null, 'first']);
});

test('a handle that turns away a request of its own refuses that call only', async () => {
	let isClosed = false;
	const handle: Handle = ({ event, resolve }) =>
		isClosed
			? new Response(null, { status: 429, headers: { 'retry-after': '2' } })
			: resolve(event);
	const app = await start({ config: byName, modules: { names } }, framework({ handle }));
	const ada = await connected(app, 'ada');

	isClosed = true;

	expect(await ada('names/afresh')).toMatchObject({ code: 'RATE_LIMITED', retryAfter: 2000 });
	expect(await ada('names/around')).toEqual([null, 0, null, 'ada']);
});

test('the functions of a module that wants it run in a request of their own, but for those that do not', async () => {
	const kit = framework();
	const modules = {
		names: {
			own: live(() => nameOf(store.getStore())),
			kept: live(() => nameOf(store.getStore()), { context: 'connection' })
		}
	};
	const app = await start({ modules, fresh: ['names'] }, kit);
	const ada = await connected(app, 'ada');

	expect(await ada('names/own')).toBe('ada');
	expect(await ada('names/kept')).toBeNull();
	expect(kit.visits.map(({ method }) => method)).toEqual(['POST']);
});

// --- errors ---

class HttpError {
	readonly status: number;
	readonly body: unknown;
	constructor(status: number, body: unknown) {
		this.status = status;
		this.body = body;
	}
}
class Redirect {
	readonly location: string = '/login';
}
const errors = {
	isHttpError: (error: unknown) => error instanceof HttpError,
	isRedirect: (error: unknown) => error instanceof Redirect,
	error(status: number, body: unknown): never {
		throw new HttpError(status, body);
	}
};

test.each([
	[400, 'INVALID_REQUEST'],
	[401, 'UNAUTHENTICATED'],
	[403, 'FORBIDDEN'],
	[404, 'NOT_FOUND'],
	[409, 'CONFLICT'],
	[413, 'PAYLOAD_TOO_LARGE'],
	[418, 'INVALID_REQUEST'],
	[429, 'RATE_LIMITED'],
	[500, 'INTERNAL_ERROR'],
	[503, 'SERVICE_UNAVAILABLE']
])('an error(%i) of SvelteKit’s is %s to a client, with its body', async (status, code) => {
	const body = { message: 'It is so.', detail: 7 };
	const fail = live(() => {
		throw new HttpError(status, body);
	});
	const app = await start({ modules: { m: { fail } }, errors }, framework());

	expect(await (await connected(app, 'ada'))('m/fail')).toEqual({
		code,
		message: 'It is so.',
		body
	});
	expect(reported).toEqual([]);
});

test('a redirect has the place to go to, and what has the same shape does not', async () => {
	const modules = {
		m: {
			away: live(() => {
				throw new Redirect();
			}),
			alike: live(() => {
				throw { status: 404, body: { message: 'secret' }, location: '/secret' };
			})
		}
	};
	const app = await start({ modules, errors }, framework());
	const ada = await connected(app, 'ada');

	expect(await ada('m/away')).toMatchObject({ code: 'REDIRECT', location: '/login' });
	expect(await ada('m/alike')).toEqual({
		code: 'INTERNAL_ERROR',
		message: 'Internal server error.'
	});
});

test('a page fails with an error of SvelteKit’s that has all of what a client would get', async () => {
	const { forPage } = await start({ errors }, framework());
	const issues = [{ message: 'too much', path: ['n'] }];

	const failure = forPage(new LiveError('RATE_LIMITED', 'Slowly.', { retryAfter: 5, issues }));

	expect(failure).toBeInstanceOf(HttpError);
	const body = { code: 'RATE_LIMITED', message: 'Slowly.', retryAfter: 5, issues };
	expect(failure).toMatchObject({ status: 429, code: 'RATE_LIMITED', body });
	expect(isLiveError(failure)).toBe(true);
	const other = new Error('other');
	expect(forPage(other)).toBe(other);
});

const broken = new Error('it broke');
const breaks = {
	m: {
		now: live(() => {
			throw broken;
		}),
		later: live(async () => {
			await later(0);
			throw broken;
		})
	}
};

test.each(['m/now', 'm/later'])(
	'what handleError makes of an error is what the caller of %s gets',
	async (path) => {
		const heard: unknown[] = [];
		const handleError: Hooks['handleError'] = ({ error, event }) => {
			heard.push(error, event.url.pathname);
			return { message: 'Sorry.', errorId: 3 };
		};
		const app = await start({ modules: breaks, errors }, framework({ handleError }));

		expect(await (await connected(app, 'ada'))(path)).toEqual({
			code: 'INTERNAL_ERROR',
			message: 'Sorry.',
			body: { message: 'Sorry.', errorId: 3 }
		});
		expect(heard).toEqual([broken, '/ws']);
		expect(reported).toEqual([]);
	}
);

test('a handleError that fails itself hides neither error', async () => {
	const failure = new Error('the hook broke');
	const handleError = (): never => {
		throw failure;
	};
	const app = await start({ modules: breaks, errors }, framework({ handleError }));

	expect(await (await connected(app, 'ada'))('m/now')).toMatchObject({ code: 'INTERNAL_ERROR' });
	await settle();
	expect(reported).toContain(failure);
	expect(reported).toContain(broken);
});

test('without a handleError an error is reported once', async () => {
	const app = await start({ modules: breaks, errors }, framework());

	await (
		await connected(app, 'ada')
	)('m/now');
	await settle();

	expect(reported).toEqual([broken]);
});

test('what a job throws is reported once where there is no handleError', async () => {
	const clock = new VirtualClock();
	const tick = live.cron('* * * * *', 'ticks', () => {
		throw broken;
	});
	await start({ modules: { jobs: { tick } } }, framework(), { clock });

	await clock.advance(60_000);
	await settle();

	expect(reported).toHaveLength(1);
	expect(String(reported[0])).toContain('RT_REACTION_FAILED');
});

test('what a job on a schedule throws goes to handleError too', async () => {
	const clock = new VirtualClock();
	const heard: unknown[] = [];
	const handleError: Hooks['handleError'] = ({ error }) => void heard.push(error);
	const tick = live.cron('* * * * *', 'ticks', () => {
		throw broken;
	});
	await start({ modules: { jobs: { tick } } }, framework({ handleError }), { clock });

	await clock.advance(60_000);
	await settle();

	expect(heard).toEqual([broken]);
	expect(String(reported)).toContain('RT_REACTION_FAILED');
});

test('a kernel without a framework answers as it does', async () => {
	const kernel = await startKernel([]);

	expect(await kernel.upgrade(visitor('ada'))).toMatchObject({ ok: true, data: {} });
});

import { brotliDecompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Incoming, Reply } from '../../adapter/runtime/front.ts';
import { head } from '../../adapter/runtime/head.ts';
import type { RenderPage, Watch } from '../../adapter/runtime/shared-render.ts';
import { shareRenders } from '../../adapter/runtime/sharing.ts';
import { until } from '../servers/until.ts';
import { deferred, FRONTS, startFront, type Front, type PageContext } from './fronts.ts';
import { RawConnection, raw, request, type RawResponse } from './raw.ts';

const HTML = { 'content-type': 'text/html' };
const SHARED = { SHARE_RENDERS: 'true' };
type Headers_ = Record<string, string>;

/** A page whose renders are counted, and wait until they are let go on. */
class Page {
	renders = 0;
	readonly signals: AbortSignal[] = [];
	readonly gate = deferred();
	readonly answer: (request: Request, context: PageContext, render: number) => Response;
	/** Runs before the page waits. */
	read: (request: Request, context: PageContext) => unknown = () => {};

	constructor(answer: Page['answer'] = (_request, _context, render) => page(`render ${render}`)) {
		this.answer = answer;
	}

	readonly respond = async (request: Request, context: PageContext): Promise<Response> => {
		const render = (this.renders += 1);
		this.signals.push(request.signal);
		this.read(request, context);
		await this.gate.promise;
		return this.answer(request, context, render);
	};
}

const page = (body: string | null, headers: Headers_ = {}, status = 200): Response =>
	new Response(body, { status, headers: { ...HTML, ...headers } });

describe.each(FRONTS)('%s', (name) => {
	const fronts = new Map<string, Front>();
	const connections: RawConnection[] = [];
	let shown: Pick<Page, 'respond'>;
	let tests = 0;
	beforeEach(() => void (tests += 1));
	afterEach(async () => {
		vi.useRealTimers();
		vi.restoreAllMocks();
		for (const { socket } of connections.splice(0)) socket.destroy();
		for (const front of fronts.values()) {
			await front.site.idle();
			front.errors.length = 0;
		}
	});
	afterAll(async () => {
		await Promise.all([...fronts.values()].map((front) => front.close()));
	});

	async function frontOf(env: Headers_): Promise<Front> {
		const key = JSON.stringify(env);
		const respond: Page['respond'] = (...of) => shown.respond(...of);
		const front = fronts.get(key) ?? (await startFront(name, { env, respond }));
		fronts.set(key, front);
		return front;
	}

	async function serve(given: Pick<Page, 'respond'>, env: Headers_ = SHARED) {
		shown = given;
		const front = await frontOf(env);
		const handled = vi.spyOn(front.site, 'handle');
		return {
			front,
			handled,
			/** Sends each on a connection of its own, and waits until all are there. */
			async ask(...requests: readonly string[]): Promise<RawConnection[]> {
				const before = handled.mock.calls.length;
				const asking: RawConnection[] = [];
				for (const text of requests) {
					const connection = await RawConnection.open(front.port);
					connections.push(connection);
					asking.push(connection);
					// Of the pages that are asked for each test has its own.
					connection.send(text.replace(' /', ` /${tests}`));
					// One after the other, as far as it matters: the first of them is who renders.
					if (asking.length > 1 && requests.length > 10) continue;
					await until(() => handled.mock.calls.length === before + asking.length);
				}
				await until(() => handled.mock.calls.length === before + asking.length);
				return asking;
			}
		};
	}
	const answers = (asking: readonly RawConnection[], isHead = false): Promise<RawResponse[]> =>
		Promise.all(asking.map((connection) => connection.response(isHead)));
	const times = <T>(count: number, make: (index: number) => T): T[] =>
		Array.from({ length: count }, (_, index) => make(index));
	const texts = async (asking: readonly RawConnection[]): Promise<string[]> =>
		(await answers(asking)).map(({ text }) => text);

	test('200 who ask the same at once get one render, whoever they are; a later one gets another', async () => {
		const shown = new Page();
		const { front, ask } = await serve(shown);
		const asking = await ask(
			...times(200, (index) =>
				request('/', {
					'User-Agent': `browser ${index % 7}`,
					'X-Forwarded-For': `10.0.0.${index}`,
					'Sec-Fetch-Site': index % 2 ? 'none' : 'same-origin',
					traceparent: `00-${index}`
				})
			)
		);
		let isIdle = false;
		const idle = front.site.idle().then(() => (isIdle = true));
		await new Promise((resolve) => setImmediate(resolve));
		expect([shown.renders, isIdle]).toEqual([1, false]);

		shown.gate.resolve();

		expect(new Set(await texts(asking))).toEqual(new Set(['render 1']));
		await idle;
		expect((await raw(front.port, request(`/${tests}`))).text).toBe('render 2');
		expect(shown.signals.some(({ aborted }) => aborted)).toBe(false);
		expect(front.errors).toEqual([]);
	});

	test('those of one turn get one render, also of a page that waits for nothing', async () => {
		let renders = 0;
		const { ask } = await serve({ respond: async () => page(`render ${(renders += 1)}`) });
		const asking = await ask(...times(20, (index) => request(`/${index}`)));
		await texts(asking);
		renders = 0;

		for (const connection of asking) connection.send(request('/'));
		await texts(asking);

		// All of them came at once, if not all of them within one turn.
		expect(renders).toBeLessThan(10);
	});

	test('nothing is shared where it is not asked for', async () => {
		const shown = new Page();
		const { ask } = await serve(shown, {});
		const asking = await ask(request('/'), request('/'));

		await until(() => shown.renders === 2);
		shown.gate.resolve();

		expect((await texts(asking)).sort()).toEqual(['render 1', 'render 2']);
	});

	const LONG = 'x'.repeat(2000);
	test.each<[string, string, string]>([
		['two hosts', request('/', { Host: 'a.example' }), request('/', { Host: 'b.example' })],
		['two pages', request('/a'), request('/b')],
		['two queries', request('/?a=1'), request('/?a=2')],
		['GET and HEAD', request('/'), request('/', {}, 'HEAD')],
		['languages', request('/', { 'Accept-Language': 'de' }), request('/')],
		['types', request('/', { Accept: 'text/html' }), request('/', { Accept: '*/*' })],
		['keys of an API', request('/', { 'X-Api-Key': 'a' }), request('/', { 'X-Api-Key': 'b' })],
		['a cookie', request('/'), request('/', { Cookie: 'a=1' })],
		['the same cookie', request('/', { Cookie: 'a=1' }), request('/', { Cookie: 'a=1' })],
		['a password', ...twice({ Authorization: 'Basic YTpi' })],
		['a part', ...twice({ Range: 'bytes=0-1' })],
		['a condition', ...twice({ 'If-None-Match': '"a"' })],
		['events', ...twice({ Accept: 'text/event-stream' })],
		['forms', ...twice({ 'Content-Length': '0' }, 'POST')],
		['very long ones', ...twice({ 'X-A': LONG, 'X-B': LONG, 'X-C': LONG })]
	])('each has a render of its own: %s', async (_, first, second) => {
		const shown = new Page();
		const { ask } = await serve(shown);
		const [one, other] = await ask(first, second);

		// Both are there: whoever could wait for the other's does.
		shown.gate.resolve();

		await one!.response();
		await other!.response(second.startsWith('HEAD'));
		expect(shown.renders).toBe(2);
	});

	test.each<[string, () => Response]>([
		['sets a cookie', () => page('', { 'set-cookie': 'visitor=1' })],
		['says private', () => page('', { 'cache-control': 'max-age=1, private' })],
		['says no-store', () => page('', { 'cache-control': 'No-Store' })],
		['goes by what is no part of the question', () => page('', { vary: 'Accept, User-Agent' })],
		['goes by everything', () => page('', { vary: '*' })],
		['has a nonce', () => page('', { 'content-security-policy': "script-src 'nonce-abc'" })],
		['is not found', () => page('', {}, 404)],
		['is a part', () => page('', {}, 206)],
		['is a stream of events', () => page('', { 'content-type': 'text/event-stream' })],
		['is large', () => page('x'.repeat(512 * 1024 + 1))]
	])('an answer that %s is for one; next time nobody waits for it', async (_, answer) => {
		const shown = new Page((_request, _context, render) => {
			const response = answer();
			response.headers.set('x-render', String(render));
			return response;
		});
		const { ask } = await serve(shown);
		const asking = await ask(...times(3, () => request('/')));
		const before = shown.renders;

		shown.gate.resolve();

		const got = await answers(asking);
		expect(before).toBe(1);
		expect(got.map((one) => one.header('x-render')).sort()).toEqual(['1', '2', '3']);
		const next = deferred();
		vi.spyOn(shown.gate, 'promise', 'get').mockReturnValue(next.promise);
		const later = await ask(request('/'), request('/'));
		// While neither is ready, and before one that waits would have it begun as well.
		await until(() => shown.renders === 5, 4000);
		next.resolve();
		await answers(later);
	});

	test.each<[string, number, Headers_]>([
		['a redirect', 303, { location: '/there' }],
		['what goes by the question', 200, { vary: 'Accept-Language, Cookie' }],
		['what caches may keep', 200, { 'cache-control': 'public, max-age=0' }]
	])('shared is %s, and the answer to HEAD', async (_, status, headers) => {
		for (const method of ['GET', 'HEAD']) {
			const shown = new Page(() => page(status === 303 ? null : 'body', headers, status));
			const { ask } = await serve(shown);
			const asking = await ask(...times(3, () => request('/', {}, method)));

			shown.gate.resolve();

			for (const answer of await answers(asking, method === 'HEAD')) {
				expect([answer.status, answer.text]).toEqual([
					status,
					status === 200 && method === 'GET' ? 'body' : ''
				]);
				expect(answer.header(Object.keys(headers)[0]!)).toBe(Object.values(headers)[0]);
			}
			expect(shown.renders).toBe(1);
		}
	});

	test.each<[string, (request: Request, context: PageContext) => string | null, string[]]>([
		['the address', (_, context) => context.getClientAddress(), ['a', 'b', 'c']],
		['its header', ({ headers }) => headers.get('X-Client'), ['a', 'b', 'c']],
		['a browser', ({ headers }) => headers.get('User-Agent'), ['1', '2', '3']],
		['what is not there', ({ headers }) => headers.get('referer'), ['', '', '']],
		['whether it is', ({ headers }) => String(headers.has('x-real-ip')), times(3, () => 'false')],
		['all', ({ headers }) => Object.fromEntries(headers)['user-agent']!, ['1', '2', '3']],
		['each', ({ headers }) => eachOf(headers), ['1', '2', '3']],
		['a copy', ({ headers }) => new Headers(headers).get('user-agent'), ['1', '2', '3']],
		['a copy by the way', ({ headers }) => sentOn(headers), ['1', '2', '3']]
	])('a page that reads what is the visitor’s own is his: %s', async (_, read, expected) => {
		const shown = new Page((request, context) => page(read(request, context)));
		shown.read = read;
		const { ask } = await serve(shown, { ...SHARED, ADDRESS_HEADER: 'X-Client' });
		const asking = await ask(
			request('/', { 'X-Client': 'a', 'User-Agent': '1' }),
			request('/', { 'X-Client': 'b', 'User-Agent': '2' }),
			request('/', { 'X-Client': 'c', 'User-Agent': '3' })
		);

		// Nobody waits for the first one to be ready, nor until that has taken too long.
		await until(() => shown.renders === 3, 4000);
		shown.gate.resolve();

		expect(await texts(asking)).toEqual(expected);
	});

	test('what is read in a way that nobody sees is not there', async () => {
		const shown = new Page((asked) => {
			const copies = [asked.clone(), new Request(asked)];
			return page(copies.map(({ headers }) => headers.get('user-agent')).join());
		});
		const { ask } = await serve(shown, { ...SHARED, ADDRESS_HEADER: 'X-Client' });
		const own = (index: number): Headers_ => ({ 'User-Agent': `${index}`, 'X-Client': `${index}` });
		const asking = await ask(...times(2, (index) => request('/', own(index))));

		shown.gate.resolve();

		expect([shown.renders, await texts(asking)]).toEqual([1, [',', ',']]);
	});

	test.each<[string, Headers_]>([
		['stream', {}],
		['slow body', { 'content-length': '16' }]
	])('a %s goes to who asked first, at once; the others get their own', async (_, headers) => {
		const streams: ReadableStreamDefaultController<Uint8Array>[] = [];
		const bytes = new TextEncoder();
		const shown = new Page((_request, _context, render) => {
			const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
				streams[render - 1] = controller;
				controller.enqueue(bytes.encode(`shell ${render}.`));
			};
			return new Response(new ReadableStream({ start }), { headers: { ...HTML, ...headers } });
		});
		const { ask } = await serve(shown);
		const asking = await ask(request('/'), request('/'), request('/'));

		shown.gate.resolve();
		await Promise.all(
			asking.map((connection) => connection.until((received) => received.includes('shell')))
		);
		for (const [index, stream] of streams.entries()) {
			stream.enqueue(bytes.encode(`rest  ${index + 1}.`));
			stream.close();
		}

		const got = (await texts(asking)).sort();
		expect(got).toEqual(times(3, (index) => `shell ${index + 1}.rest  ${index + 1}.`));
	});

	test('a body that turns out to be empty keeps nobody waiting', async () => {
		const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
		const shown = new Page(() => {
			const pull = async (controller: ReadableStreamDefaultController): Promise<void> => {
				for (let turn = 0; turn < 3; turn++) await later();
				controller.close();
			};
			const headers = { ...HTML, 'content-length': '0' };
			return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers });
		});
		const { ask } = await serve(shown);
		const asking = await ask(request('/'), request('/'));

		shown.gate.resolve();

		expect([await texts(asking), shown.renders]).toEqual([['', ''], 2]);
	});

	test('who asked first may leave: the others get its render, which nobody has told to end', async () => {
		const shown = new Page();
		const { front, handled, ask } = await serve(shown);
		const [leader, ...others] = await ask(...times(4, () => request('/')));
		await until(() => shown.renders === 1);

		leader!.socket.destroy();
		await until(() => handled.mock.calls[0]![1].isClosed);
		shown.gate.resolve();

		expect(await texts(others)).toEqual(times(3, () => 'render 1'));
		expect([shown.renders, shown.signals[0]!.aborted]).toEqual([1, false]);
		await front.site.idle();
	});

	test('when all have left the page is told so; who comes then gets another', async () => {
		const shown = new Page();
		const { front, ask } = await serve(shown);
		const asking = await ask(request('/'), request('/'));
		await until(() => shown.renders === 1);

		for (const { socket } of asking) socket.destroy();
		await until(() => shown.signals[0]!.aborted);
		await front.site.idle();
		const [later] = await ask(request('/'));
		shown.gate.resolve();

		expect((await later!.response()).text).toBe('render 2');
		expect(front.errors).toEqual([]);
	});

	test('what the server cuts at its end is cut for all', async () => {
		const shown = new Page();
		const { front, ask } = await serve(shown);
		const asking = await ask(request('/'), request('/'));
		await until(() => shown.renders === 1);

		front.site.abort();

		await Promise.all([...asking.map((connection) => connection.closed()), front.site.idle()]);
		expect(shown.signals[0]!.aborted).toBe(true);
	});

	const FAILURES: [string, (render: number) => Response][] = [
		['throws', (render) => raise(new Error(`render ${render}`))],
		['answers 500', (render) => page(`render ${render}`, {}, 500)],
		['breaks off', () => new Response(new ReadableStream({ pull: () => raise(new Error()) }))]
	];
	test.each(FAILURES)('one render that %s fails for one', async (how, fail) => {
		const shown = new Page((_request, _context, render) =>
			render === 1 ? fail(1) : page(`render ${render}`)
		);
		const { front, ask } = await serve(shown);
		const [leader, ...others] = await ask(...times(4, () => request('/')));

		shown.gate.resolve();

		expect(await texts(others)).toEqual(times(3, () => 'render 2'));
		if (how === 'breaks off') await leader!.closed();
		else expect((await leader!.response()).status).toBe(500);
		expect([shown.renders, front.errors.length]).toEqual([2, how === 'answers 500' ? 0 : 1]);
	});

	test.each(FAILURES)('a page that %s again is not tried for each of them', async (how, fail) => {
		const shown = new Page((_request, _context, render) => fail(render));
		const { front, ask } = await serve(shown);
		const [first, second, ...others] = await ask(...times(5, () => request('/')));

		shown.gate.resolve();

		for (const one of await answers(others)) expect(one.status).toBe(500);
		for (const one of [first!, second!]) {
			if (how === 'breaks off') await one.closed();
			else expect((await one.response()).status).toBe(500);
		}
		expect([shown.renders, front.errors.length]).toEqual([2, how === 'answers 500' ? 0 : 2]);
		await front.site.idle();
	});

	test('a large page is shared at the pace of each; one comes who does not read', async () => {
		const body = 'x'.repeat(512 * 1024);
		const shown = new Page(() => page(body));
		const { ask } = await serve(shown);
		const asking = await ask(...times(4, () => request('/')));
		const [slow, ...others] = asking;
		slow!.socket.pause();

		shown.gate.resolve();

		for (const answer of await answers(others)) {
			expect(answer.header('content-length')).toBe(String(body.length));
			expect(answer.text).toBe(body);
		}
		slow!.socket.resume();
		expect((await slow!.response()).text).toBe(body);
		expect(shown.renders).toBe(1);
	});

	test('it is compressed once for those who take that coding', async () => {
		const body = `<p>${'again and '.repeat(500)}</p>`;
		const shown = new Page(() => page(body));
		const { ask } = await serve(shown, { ...SHARED, COMPRESS: 'true' });
		const asking = await ask(
			...times(4, (index) => request('/', index < 2 ? { 'Accept-Encoding': 'br' } : {}))
		);

		shown.gate.resolve();

		const got = await answers(asking);
		expect(got.map((one) => one.header('content-encoding'))).toEqual(['br', 'br', ...Array(2)]);
		expect(String(brotliDecompressSync(got[1]!.body))).toBe(body);
		expect([got[3]!.text, shown.renders]).toEqual([body, 2]);
	});

	test('a render that hangs holds up nobody for long', async () => {
		vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
		const hung = new Page(() => raise(new Error('late')));
		const { front, ask } = await serve({
			respond: (asked, context) =>
				hung.renders === 0 ? hung.respond(asked, context) : Promise.resolve(page('well'))
		});
		const asking = await ask(...times(4, () => request('/')));
		await until(() => hung.renders === 1);

		vi.advanceTimersByTime(5000);

		// The one that hangs had a client, who has an answer as well.
		expect(await texts(asking)).toEqual(times(4, () => 'well'));
		expect(hung.signals[0]!.aborted).toBe(true);
		await front.site.idle();
		// What becomes of it is told, though nobody waits.
		hung.gate.resolve();
		await until(() => front.errors.length === 1);
		expect(front.errors).toMatchObject([{ message: 'late' }]);
	});
});

describe('bounds', () => {
	/** What answers when it is let go on, and tells who would share it. */
	function pages(
		answer: (reply: Reply, watch?: Watch) => void = (reply) => reply.send(head(200), '')
	) {
		const gate = deferred();
		const seen: { url: string; isAlone: boolean }[] = [];
		const page: RenderPage = async ({ url }, reply, watch) => {
			seen.push({ url, isAlone: watch === undefined });
			await gate.promise;
			answer(reply, watch);
		};
		const find = shareRenders({
			environment: { origin: () => 'http://host', addressHeader: undefined },
			report: (error) => expect(error).toBeUndefined(),
			page,
			begin: (render) => void setImmediate(render)
		});
		const ask = (url: string, reply = someone()): Promise<void> => {
			const incoming = incomingOf(url);
			return find(incoming)?.join(incoming, reply) ?? page(incoming, reply);
		};
		return { gate, seen, ask };
	}
	const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

	test('1000 share a render; the next one begins another', async () => {
		const { gate, seen, ask } = pages();
		const asked = Array.from({ length: 2001 }, () => ask('/'));
		await turn();

		expect(seen).toEqual(Array(3).fill({ url: '/', isAlone: false }));
		gate.resolve();
		await Promise.all(asked);
	});

	test('one who cannot be answered does not keep the others from it', async () => {
		const { gate, ask } = pages();
		const broken = { ...someone(), send: () => raise(new Error('broken')) };
		const asked = [ask('/'), ask('/', broken), ask('/')];
		gate.resolve();

		const states = (await Promise.allSettled(asked)).map(({ status }) => status);
		expect(states).toEqual(['fulfilled', 'rejected', 'fulfilled']);
	});

	test('500 questions are shared at a time; a further one is answered by itself', async () => {
		const { gate, seen, ask } = pages();
		const asked = Array.from({ length: 501 }, (_, index) => ask(`/${index}`));
		await turn();
		gate.resolve();
		await Promise.all(asked);
		const later = Array.from({ length: 500 }, (_, index) => ask(`/later/${index}`));
		await Promise.all(later);

		expect(seen.filter(({ isAlone }) => isAlone)).toEqual([{ url: '/500', isAlone: true }]);
		expect(seen).toHaveLength(1001);
	});

	test('what was for one is remembered of 500 questions, for ten seconds', async () => {
		const { gate, seen, ask } = pages((reply) => reply.send(head(200, [['vary', '*']]), ''));
		gate.resolve();
		const isAlone = async (url: string): Promise<boolean> => {
			await ask(url);
			return seen.at(-1)!.isAlone;
		};
		for (let index = 0; index < 500; index++) await ask(`/${index}`);

		expect([await isAlone('/0'), await isAlone('/499')]).toEqual([true, true]);
		await ask('/500');
		expect([await isAlone('/0'), await isAlone('/500')]).toEqual([false, true]);
		const now = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10_001);
		expect(await isAlone('/500')).toBe(false);
		now.mockRestore();
	});
});

function incomingOf(url: string): Incoming {
	const body = (): never => raise(new Error('There is none.'));
	const request = { method: 'GET', url, path: url, headers: {}, isUnclear: false };
	return { ...request, socketAddress: '127.0.0.1', header: () => undefined, body };
}

/** A client who takes everything. */
function someone(): Reply {
	const nothing = (): undefined => undefined;
	const ways = { send: nothing, refuse: nothing, begin: nothing, end: nothing, abort: nothing };
	return { isClosed: false, copies: false, onClosed: nothing, write: nothing, ...ways };
}

function twice(headers: Headers_, method = 'GET'): [string, string] {
	const text = request('/', headers, method);
	return [text, text];
}

function eachOf(headers: Headers): string {
	let found = '';
	headers.forEach((value, name) => {
		if (name === 'user-agent') found = value;
	});
	return found;
}

function sentOn(headers: Headers): string | null {
	return new Request('http://elsewhere', { headers }).headers.get('user-agent');
}

function raise(error: Error): never {
	throw error;
}

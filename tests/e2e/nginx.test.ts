/** A built site behind a real nginx: the config of the playground, and what others do otherwise. */

import { setTimeout } from 'node:timers/promises';
import { join } from 'node:path';
import type { Client } from 'svelte-realtime/client';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startNginx, type Changes, type NginxOptions } from '../servers/nginx.ts';
import { until } from '../servers/until.ts';
import { ask, askHttp2, refusalOf, visitor, type Visiting } from './over-tls.ts';
import { buildCopy, freePort, ROOT, startBuilt, stop, type Running } from './site.ts';

const FIXTURE = join(ROOT, 'tests/fixtures/proxied');
const BIG = { BODY_SIZE_LIMIT: 'Infinity', ADDRESS_HEADER: 'x-forwarded-for' };

/** As nginx is where nobody has set it otherwise, and with compression. */
const USUAL: Changes = [
	['proxy_buffering off;', 'proxy_buffering on;'],
	[
		'access_log off;',
		'access_log off; gzip on; gzip_proxied any; gzip_min_length 20; gzip_types text/plain;'
	]
];

/** What a proxy does that ends a socket after so many seconds in silence. */
const impatient = (seconds: number): Changes => [
	['proxy_read_timeout 150s;', `proxy_read_timeout ${seconds}s;`]
];

const SITES = [
	{ name: 'at the root, on uws', base: '', transport: 'uws' },
	{ name: 'below /app, on node', base: '/app', transport: 'node' }
];

let gates = 0;
let gate: string;
beforeEach(() => void (gate = `gate${(gates += 1)}`));

/** Of the site with that base: all are built at once. */
const builds = new Map<string, string>();
beforeAll(async () => {
	await Promise.all(
		SITES.map(async ({ base }) => {
			const name = `proxied${base.replace('/', '-')}`;
			builds.set(base, (await buildCopy(name, FIXTURE, { BASE: base })).folder);
		})
	);
}, 240_000);

describe.each(SITES)('$name', ({ base, transport }) => {
	let server: Running;
	/** The address that visitors see, with the base. */
	let url: string;
	let origin: string;
	const ending: (() => Promise<void>)[] = [];

	beforeAll(async () => {
		const port = await freePort();
		origin = `https://localhost:${port}`;
		server = await serve({ ORIGIN: origin });
		url = await proxy([server], { port });
	});
	afterAll(async () => {
		for (const end of ending.reverse()) await end();
	});

	/** Starts the built app. */
	async function serve(variables: Record<string, string>): Promise<Running> {
		const running = await startBuilt(builds.get(base)!, {
			TRANSPORT: transport,
			...BIG,
			...variables
		});
		expect(running.output()).toContain(`(${transport})`);
		ending.push(() => stop(running));
		return running;
	}

	/** Starts a proxy in front of it. */
	async function proxy(
		instances: readonly { url: string }[],
		options: Partial<NginxOptions> = {}
	): Promise<string> {
		const port = options.port ?? (await freePort());
		const whom = instances.map((instance) => instance.url);
		const nginx = await startNginx({ base, ...options, port, instances: whom });
		ending.push(() => nginx.stop());
		return nginx.url + base;
	}

	/** A client that comes through the proxy as a page of the site does. */
	function comes(to: string, visiting: Visiting = {}): Client {
		const headers = { origin, ...visiting.headers };
		const client = visitor(to, { ...visiting, headers });
		onTestFinished(() => client.close());
		return client;
	}

	test('a page knows whose it is and where it stands, whatever its visitor claims', async () => {
		const headers = {
			'x-forwarded-for': '6.6.6.6',
			'x-forwarded-proto': 'ftp',
			'x-forwarded-host': 'evil.example',
			cookie: 'session=ada'
		};

		const page = await ask(`${url}/`, { from: '127.0.0.9', headers });

		expect(page.status).toBe(200);
		expect(await page.text()).toContain(
			JSON.stringify({ address: '127.0.0.9', url: `${origin}${base}/`, user: 'ada' })
		);
	});

	test('hashed and static files are there, and the probes are not for visitors', async () => {
		const page = await (await ask(`${url}/`)).text();
		const [script] = /_app\/immutable\/[\w./-]+\.js/.exec(page)!;

		const hashed = await ask(`${url}/${script}`);
		const words = await ask(`${url}/words.txt`);
		const probes = ['/healthz', '/readyz'];
		const shown = await Promise.all(probes.map(async (path) => (await ask(origin + path)).status));
		const own = await Promise.all(
			probes.map(async (path) => (await ask(server.url + path)).status)
		);

		expect(hashed.headers['cache-control']).toContain('immutable');
		expect(await words.text()).toContain('words of a file');
		expect(shown).toEqual([404, 404]);
		expect(own).toEqual([200, 200]);
	});

	test('a form of the site is taken, with a cookie for TLS alone, and that of another is not', async () => {
		const send = (from: string): ReturnType<typeof ask> =>
			ask(`${url}/sign-in`, {
				method: 'POST',
				headers: {
					origin: from,
					accept: 'text/html',
					'content-type': 'application/x-www-form-urlencoded'
				},
				body: 'name=ada'
			});

		const own = await send(origin);
		const other = await send('https://evil.example');

		expect(own.status).toBe(303);
		expect(new URL(own.headers.location!, `${url}/sign-in`).href).toBe(`${url}/`);
		expect(own.headers['set-cookie']).toEqual([expect.stringMatching(/^session=ada;.*Secure/)]);
		expect(other.status).toBe(403);
	});

	test('a socket has the cookies, the origin and the address of its visitor', async () => {
		const headers = { cookie: 'session=ada', 'x-forwarded-for': '6.6.6.6' };

		const client = comes(url, { from: '127.0.0.9', headers });

		expect(await client.call('notes/who')()).toEqual({
			user: { id: 'ada', asked: undefined },
			origin,
			address: '127.0.0.9'
		});
	});

	test('a socket of another origin is refused, and its page is told why', async () => {
		const headers = { origin: 'https://evil.example' };

		expect(await refusalOf(url, { headers })).toBe(403);
		const asked = await ask(`${url}/ws`, { headers: { ...headers, 'x-realtime-ask': '1' } });
		expect(asked.status).toBe(403);
		expect(JSON.parse(await asked.text())).toMatchObject({ code: 'FORBIDDEN' });
	});

	test('what one visitor adds another one sees', async () => {
		const [ada, bob] = [comes(url), comes(url)];
		const seen: unknown[] = [];
		bob.stream('notes/list').subscribe((list) => void seen.push(list));
		await until(() => seen.at(-1) !== undefined);

		await ada.call('notes/add')(7);

		await until(() => JSON.stringify(seen.at(-1)).includes('{"id":7}'));
	});

	test('the cookies of the preflight pass, and the upgrade brings them', async () => {
		const preflight = (from: string): ReturnType<typeof ask> =>
			ask(`${url}/__ws/auth`, { method: 'POST', headers: { origin: from } });

		const asked = await preflight(origin);
		const [cookie] = asked.headers['set-cookie']!;
		const client = comes(url, { headers: { cookie: cookie!.split(';')[0]! } });

		expect(asked.status).toBe(204);
		expect(cookie).toMatch(/^asked=first;.*Secure/);
		expect(await client.call('notes/who')()).toMatchObject({ user: { asked: 'first' } });
		expect((await preflight('https://evil.example')).status).toBe(403);
	});

	test('browsers get pages over HTTP/2', async () => {
		expect(await askHttp2(`${url}/`)).toEqual({ protocol: 'h2', status: 200 });
	});

	describe.each([
		{ how: 'as in the config', changes: [] },
		{ how: 'buffered and compressed, as nginx is by itself', changes: USUAL }
	])('$how', ({ changes }) => {
		let there: string;
		const open = (): Promise<unknown> => ask(`${server.url}${base}/go?gate=${gate}`, POST);
		/** Of the instance itself, whose origin a request without one has. */
		const POST = { method: 'POST' };
		beforeAll(async () => {
			there = await proxy([server], { changes });
		});

		test('a streamed page is shown as it comes', async () => {
			const page = await ask(`${there}/stream?gate=${gate}`);
			await until(() => page.soFar().includes('waiting'));
			expect(page.soFar()).not.toContain('streamed in');

			await open();

			expect(await page.text()).toContain('streamed in');
		});

		test('events come one by one', async () => {
			const headers = { accept: 'text/event-stream' };
			const events = await ask(`${there}/events?gate=${gate}`, { headers });
			await until(() => events.soFar() === 'data: first\n\n');

			await open();

			expect(await events.text()).toBe('data: first\n\ndata: second\n\n');
		});

		test('a large upload is read while it is sent', async () => {
			let arrived = '';
			const chunk = Buffer.alloc(4 * 1024 * 1024, 'x');
			async function* body(): AsyncGenerator<Uint8Array> {
				yield chunk;
				await until(async () => {
					arrived = await (await ask(`${there}/upload`)).text();
					return Number(arrived) === chunk.length;
				});
				for (let i = 1; i < 5; i += 1) yield chunk;
			}
			const headers = { 'content-type': 'application/octet-stream', origin };

			const answer = await ask(`${there}/upload`, { method: 'PUT', headers, body: body() });

			expect(Number(arrived)).toBe(chunk.length);
			expect(await answer.text()).toBe(String(5 * chunk.length));
		});
	});

	test('what the proxy compresses itself is still not sent twice', async () => {
		const there = await proxy([server], { changes: USUAL });
		const headers = { 'accept-encoding': 'gzip' };

		const page = await ask(`${there}/`, { headers });
		const first = await ask(`${there}/words.txt`, { headers });
		const tag = first.headers.etag!;
		const again = await ask(`${there}/words.txt`, {
			headers: { ...headers, 'if-none-match': tag }
		});

		expect(page.headers['content-encoding']).toBe('gzip');
		expect(first.headers['content-encoding']).toBe('gzip');
		expect([again.status, again.headers.etag]).toEqual([304, tag]);
	});

	test('behind two proxies, without ORIGIN, the headers say the scheme, the host and the address', async () => {
		const inside = await serve({
			PROTOCOL_HEADER: 'x-forwarded-proto',
			HOST_HEADER: 'x-forwarded-host',
			XFF_DEPTH: '2'
		});
		const forward: Changes = [
			[
				'proxy_set_header X-Forwarded-For $remote_addr;',
				'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;'
			]
		];
		const inner = await proxy([inside], {
			isSecure: false,
			changes: [
				...forward,
				// The outer one has said it.
				['proxy_set_header X-Forwarded-Proto $scheme;', ''],
				['proxy_set_header Host $http_host;', '']
			]
		});
		const outer = await proxy([{ url: new URL(inner).origin }], {
			changes: [
				...forward,
				[
					'proxy_set_header Host $http_host;',
					'proxy_set_header Host inner.example; proxy_set_header X-Forwarded-Host $http_host;'
				]
			]
		});
		const from = '127.0.0.9';
		const headers = { 'x-forwarded-for': '6.6.6.6, 7.7.7.7' };

		const page = await ask(`${outer}/`, { from, headers });
		const said = /\{"address".*?\}/.exec(await page.text())![0];
		const client = comes(outer, { from, headers: { ...headers, origin: new URL(outer).origin } });

		expect(JSON.parse(said)).toMatchObject({ address: from, url: `${outer}/` });
		expect(await client.call('notes/who')()).toMatchObject({
			origin: new URL(outer).origin,
			address: from
		});
	});

	/** Stays through `ms` of silence, during which a client without a heartbeat is cut. */
	async function stays(client: Client, ms: number): Promise<void> {
		const statuses: string[] = [];
		client.connection.subscribe((status) => void statuses.push(status));
		await client.call('notes/who')();
		await setTimeout(ms);
		expect(statuses).toEqual(['idle', 'connecting', 'open']);
	}

	test('a proxy with a time-out cuts a silent socket, and none with a heartbeat', async () => {
		const there = await proxy([server], { changes: impatient(3) });
		const beating = comes(there, { heartbeat: 2500 });
		const silent = comes(there, { heartbeat: 0 });
		const statuses: string[] = [];
		let isLost = false;
		beating.connection.subscribe((status) => void statuses.push(status));
		silent.connection.subscribe((status) => (isLost ||= status === 'reconnecting'));
		await beating.call('notes/who')();
		await silent.call('notes/who')();

		await until(() => isLost);

		expect(statuses).toEqual(['idle', 'connecting', 'open']);
		await silent.call('notes/who')();
	});

	if (process.env['TEST_LONG']) {
		test('a proxy that waits 30 s leaves sockets alone, by the heartbeat and by the pings of the server', async () => {
			const pinging = await serve({ ORIGIN: origin, IDLE: '28000' });
			const there = await proxy([server], { changes: impatient(30) });
			const other = await proxy([pinging], { changes: impatient(30) });

			await Promise.all([
				stays(comes(there), 65_000),
				stays(comes(other, { heartbeat: 0 }), 65_000)
			]);
		}, 90_000);
	}
});

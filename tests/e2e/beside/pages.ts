/** Pages, forms, endpoints, errors and prerendered paths. */

import { expect, test } from 'vitest';
import type { Beside } from './server.ts';

const HTML = { Accept: 'text/html' };

export function pages(server: () => Beside): void {
	test('a page says its length, type and validator', async () => {
		const page = await server().get('/');

		expect(page.statusLine).toBe('HTTP/1.1 200 OK');
		expect(page.header('content-type')).toBe('text/html');
		expect(page.header('content-length')).toBe(String(page.body.length));
		expect(page.headers.filter(([name]) => name === 'date')).toHaveLength(1);
		expect(page.text).toContain('Home of 127.0.0.1');
	});

	test('a page that the client has is 304, also by a weak validator', async () => {
		const etag = (await server().get('/')).header('etag')!;

		for (const value of [etag, `W/${etag}`]) {
			const again = await server().get('/', { 'If-None-Match': value });
			expect([again.status, again.header('etag')]).toEqual([304, etag]);
		}
		expect((await server().get('/', { 'If-None-Match': '"other"' })).status).toBe(200);
	});

	test('HEAD of a page has the head of GET and no body', async () => {
		const page = await server().get('/');
		const connection = await server().open('HEAD', '/');
		const head = await connection.response(true);
		connection.send('GET /answers?of=text HTTP/1.1\r\nHost: site.test\r\n\r\n');
		const next = await connection.response();
		connection.socket.destroy();

		for (const name of ['content-type', 'content-length', 'etag', 'link', 'x-handled']) {
			expect(head.header(name), name).toBe(page.header(name));
		}
		expect(next.text).toBe('plain');
	});

	test('data of a page is asked for by the client of SvelteKit', async () => {
		const data = await server().get('/__data.json');

		expect(data.header('content-type')).toBe('application/json');
		expect(JSON.parse(data.text)).toMatchObject({ type: 'data' });
	});

	test.each([301, 302, 303, 307, 308])(
		'a load redirects with %i, in one answer',
		async (status) => {
			const connection = await server().open('GET', `/redirect?status=${status}`);
			const { header, ...answer } = await connection.response();
			connection.socket.destroy();

			expect(answer.status).toBe(status);
			expect(header('location')).toBe('/?a=ö');
			// An answer that says neither is read until the connection ends, which it does not.
			expect(header('content-length') ?? header('transfer-encoding')).toBeDefined();
		}
	);

	test.each([
		['GET', 200, 'GET handled'],
		['POST', 200, 'POST handled'],
		['PUT', 200, 'PUT handled'],
		['PATCH', 200, 'PATCH handled'],
		['DELETE', 200, 'DELETE handled'],
		['HEAD', 200, ''],
		['OPTIONS', 405, 'OPTIONS method not allowed']
	])('an endpoint is asked with %s', async (method, status, text) => {
		const answer = await server().ask(method, '/methods', { Origin: 'http://site.test' });

		expect([answer.status, answer.text]).toEqual([status, text]);
		if (status === 405) {
			expect(answer.header('allow')).toBe('GET, POST, PUT, PATCH, DELETE, HEAD');
		}
	});

	test('an endpoint answers HEAD, OPTIONS and what it has no handler for by itself', async () => {
		const ask = (method: string) => server().ask(method, '/methods/own');
		const [head, options, put] = [await ask('HEAD'), await ask('OPTIONS'), await ask('PUT')];

		expect([head.status, head.header('x-own')]).toEqual([204, 'head']);
		expect([options.status, options.header('allow')]).toEqual([204, 'OPTIONS']);
		expect([put.status, put.text]).toEqual([200, 'fallback for PUT']);
	});

	test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
		'%s is not allowed where only GET is',
		async (method) => {
			const answer = await server().ask(method, '/methods/get', { Origin: 'http://site.test' });

			expect([answer.status, answer.header('allow')]).toEqual([405, 'GET, HEAD']);
		}
	);

	test('a page without actions takes no form', async () => {
		const answer = await server().post('/', 'a=1', HTML);

		expect([answer.status, answer.header('allow')]).toEqual([405, 'GET']);
	});

	// --- forms ---

	test('an action takes a form, and sets its cookies one by one', async () => {
		const answer = await server().post('/form?/greet', 'name=Zo%C3%AB', HTML);

		expect([answer.status, answer.text.includes('Hello Zoë with 0')]).toEqual([200, true]);
		expect(answer.headers.filter(([name]) => name === 'set-cookie')).toEqual([
			['set-cookie', 'name=Zo%C3%AB; Path=/; HttpOnly; Secure; SameSite=Lax'],
			['set-cookie', 'seen=1; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax']
		]);
	});

	test('an action takes a file', async () => {
		const form = new FormData();
		form.set('name', 'file');
		form.set('file', new Blob([Buffer.alloc(100_000, 1)]), 'a.bin');
		const encoded = new Response(form);
		const type = encoded.headers.get('content-type')!;
		const body = Buffer.from(await encoded.arrayBuffer());
		const answer = await server().post('/form?/greet', body, { ...HTML, 'Content-Type': type });

		expect(answer.text).toContain('Hello file with 100000');
	});

	test('an action fails, redirects, breaks, and is not there', async () => {
		const post = (action: string) => server().post(`/form?/${action}`, 'a=1', HTML);
		const [failed, left, broken] = [await post('greet'), await post('leave'), await post('broken')];
		const missing = await post('nowhere');

		expect([failed.status, failed.text.includes('A name is missing')]).toEqual([422, true]);
		expect([left.status, left.header('location')]).toEqual([303, '/']);
		expect([broken.status, broken.text.includes('secret')]).toEqual([500, false]);
		expect(missing.status).toBe(404);
	});

	test('an action answers scripts in JSON', async () => {
		const answer = await server().post('/form?/greet', 'name=a', {
			Accept: 'application/json',
			'x-sveltekit-action': 'true'
		});

		expect(JSON.parse(answer.text)).toMatchObject({ type: 'success', status: 200 });
	});

	test('a form of another site is refused', async () => {
		const answer = await server().post('/form?/greet', 'name=a', { Origin: 'http://evil.test' });

		expect([answer.status, answer.text]).toEqual([
			403,
			'Cross-site POST form submissions are forbidden'
		]);
	});

	// --- errors ---

	test.each([
		['an expected error', '/errors?status=418', HTML, 418, '418: as expected'],
		['an unexpected one', '/errors', HTML, 500, '500: 500 Internal Error'],
		['a path that is nowhere', '/nowhere', HTML, 404, '404: 404 Not Found'],
		['a hashed file that is nowhere', '/_app/immutable/a.js', HTML, 404, 'Not found'],
		['an error of an endpoint', '/errors/endpoint?status=403', HTML, 403, 'as expected'],
		['for a script', '/errors/endpoint', { Accept: 'application/json' }, 500, '{"message":"500']
	])('%s has its page', async (_, path, headers, status, text) => {
		const answer = await server().get(path, headers as Record<string, string>);

		expect(answer.status).toBe(status);
		expect(answer.text).toContain(text);
		expect(answer.text).not.toContain('secret');
	});

	test('an answer whose body was read already is an error', async () => {
		const answer = await server().get('/answers?of=used');

		expect(answer.status).toBe(server().expected('a body that was read', 500));
	});

	// --- prerendered, files ---

	test('prerendered pages and endpoints are there, at one address', async () => {
		const get = (path: string) => server().get(path);
		const [page, slash, data] = [
			await get('/prerendered'),
			await get('/prerendered/?a=1'),
			await get('/prerendered/data.json')
		];
		const [folder, bare] = [await get('/prerendered/folder/'), await get('/prerendered/folder')];
		const accents = await get('/prerendered/%C3%BCn%C3%AF%20c%C3%B4de');

		expect([page.status, page.text.includes('<h1>Prerendered</h1>')]).toEqual([200, true]);
		expect([slash.status, slash.header('location')]).toEqual([308, '/prerendered?a=1']);
		expect([data.header('content-type'), data.text]).toEqual([
			'application/json',
			'{"made":"before"}'
		]);
		expect([folder.status, bare.status, bare.header('location')]).toEqual([
			200,
			308,
			'/prerendered/folder/'
		]);
		expect([accents.status, accents.text.includes('<h1>ünï côde</h1>')]).toEqual([200, true]);
	});

	test('a prerendered redirect redirects', async () => {
		const moved = await server().get('/prerendered/moved');

		expect(moved.status).toBe(server().expected('a prerendered redirect', 308));
		if (server().isOurs) expect(moved.header('location')).toBe('/prerendered');
		else expect(moved.text).toContain('location.href="/prerendered"');
	});

	test('a file and a prerendered page are not posted to', async () => {
		for (const path of ['/static.txt', '/prerendered']) {
			const { status } = await server().post(path, 'a=1');
			expect(status, path).toBe(server().expected('a post to a file', 404));
		}
	});

	test('a server module reads a file of the build', async () => {
		const answer = await server().get('/read');

		expect(answer.text).toMatch(/^a note that is read on the server/);
		expect(answer.header('content-length')).toBe(String(answer.body.length));
	});

	test.each([
		['/slash/always', 308, '/slash/always/?q=1'],
		['/slash/always/', 200, undefined],
		['/slash/never', 200, undefined],
		['/slash/never/', 308, '/slash/never?q=1'],
		['/slash/ignore', 200, undefined],
		['/slash/ignore/', 200, undefined]
	])('the slash at the end of %s', async (path, status, location) => {
		const answer = await server().get(`${path}?q=1`);

		expect([answer.status, answer.header('location')]).toEqual([status, location]);
	});
}

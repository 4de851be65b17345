/** What goes over the wire: headers, bodies, addresses and hosts. */

import { expect, test } from 'vitest';
import { RawConnection } from '../../adapter/raw.ts';
import { answerOn, BODY_LIMIT, statusOf, type Beside } from './server.ts';

export function messages(server: () => Beside): void {
	const asked = async (headers: Record<string, string>) =>
		JSON.parse((await server().get('/asked', headers)).text) as Record<string, unknown>;

	// --- answers ---

	test.each([
		['text', 'plain', undefined],
		['json', '{"a":1}', 'application/json'],
		['empty', '', 'text/plain;charset=UTF-8'],
		['strings', 'not bytes', undefined]
	])('an answer of %s', async (of, text, type) => {
		const answer = await server().get(`/answers?of=${of}`);

		expect([answer.status, answer.text]).toEqual([200, text]);
		expect(answer.header('content-type')).toBe(type);
	});

	test('bytes arrive as they are', async () => {
		const answer = await server().get('/answers?of=binary');

		expect([...answer.body]).toEqual(Array.from({ length: 256 }, (_, byte) => byte));
	});

	test('an answer of nothing has neither length nor body, and the next follows', async () => {
		const connection = await server().open('GET', '/answers?of=nothing');
		const nothing = await connection.response();
		connection.send('GET /answers?of=text HTTP/1.1\r\nHost: site.test\r\n\r\n');
		const next = await connection.response();
		connection.socket.destroy();

		expect([nothing.status, nothing.header('content-length')]).toEqual([204, undefined]);
		expect(nothing.header('transfer-encoding')).toBeUndefined();
		expect(next.text).toBe('plain');
	});

	test('the reason phrase is what the app says', async () => {
		const { statusLine } = await server().get('/answers?of=reason');

		expect(statusLine).toBe(server().expected('the reason phrase', 'HTTP/1.1 418 Short and stout'));
	});

	test('headers beyond ASCII are sent as the bytes that they are', async () => {
		expect((await server().get('/answers?of=header')).header('x-name')).toBe('é');
	});

	test('each cookie is a header of its own, also one with a comma', async () => {
		const { headers } = await server().get('/answers?of=cookies');
		const cookies = headers.filter(([name]) => name === 'set-cookie').map(([, value]) => value);

		expect(cookies.sort()).toEqual([
			'a=1; Path=/; Expires=Sun, 21 Oct 2040 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax',
			'b=x%2Cy; Path=/; Secure; SameSite=Lax',
			'c=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
			'd=4; Path=/',
			'e=5; Path=/'
		]);
	});

	// --- requests ---

	test('cookies, credentials and repeated headers arrive', async () => {
		expect(await asked({ Cookie: 'a=1; b="2"', Authorization: 'Basic x' })).toMatchObject({
			cookie: 'a=1; b="2"',
			authorization: 'Basic x'
		});
		const connection = await RawConnection.open(server().port);
		connection.send(
			'GET /asked HTTP/1.1\r\nHost: a\r\nX-Repeated: 1\r\nx-repeated: 2\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n'
		);
		const { text } = await connection.response();
		connection.socket.destroy();
		expect(JSON.parse(text)).toMatchObject({ repeated: '1, 2', cookie: 'a=1; b=2' });
	});

	test('a header beyond ASCII arrives as the bytes that it is', async () => {
		const inside = Buffer.from('aéb').toString('latin1');

		expect((await asked({ 'X-Latin': inside }))['latin']).toBe(inside);
		expect((await asked({ 'X-Latin': 'é' }))['latin']).toBe(
			server().expected('a header that ends beyond ASCII', 'é')
		);
	});

	test('what load fetches of its own site carries the credentials of the page', async () => {
		const page = await server().get('/fetching', {
			// Files are asked for over the network.
			Host: `127.0.0.1:${server().port}`,
			Cookie: 'sid=1',
			Authorization: 'Bearer t'
		});

		expect(page.text).toContain('sid=1 Bearer t by load; a static file');
	});

	test('the origin of an event is made of scheme and host', async () => {
		const origin = async (headers: Record<string, string>) => (await asked(headers))['origin'];

		expect(await origin({ Host: 'a.test:8080' })).toBe('http://a.test:8080');
		expect(await origin({ Host: 'A.TEST', 'X-Forwarded-Proto': 'https' })).toBe('https://a.test');
		expect(await origin({ Host: '[::1]:81' })).toBe('http://[::1]:81');
		expect(await origin({ 'X-Forwarded-Proto': '' })).toBe(
			server().expected('the scheme where nobody says it', 'http://site.test')
		);
	});

	test.each([
		['a b', undefined],
		['a.test:99999', undefined],
		['user@a.test', undefined],
		[':::', undefined],
		['%', undefined],
		['', undefined],
		['a/b', 'a host with a path'],
		['a?b', 'a host with a query'],
		['a,b', 'two hosts in one header'],
		['aüb', 'a host beyond ASCII']
	] as const)('the host "%s" is refused with 400', async (host, claim) => {
		const { status } = await server().get('/asked', { Host: host });

		expect(status).toBe(claim ? server().expected(claim, 400) : 400);
	});

	test('a scheme that is none is refused with 400', async () => {
		const { status } = await server().get('/asked', { 'X-Forwarded-Proto': 'ftp' });

		expect(status).toBe(server().expected('a bad scheme', 400));
	});

	test.each([
		['/paths/a%2Fb', 'a/b', '/paths/a%2Fb', ''],
		['/paths/a%252Fb', 'a%2Fb', '/paths/a%252Fb', ''],
		['/paths//a', '/a', '/paths//a', ''],
		['/paths/a/../b', 'b', '/paths/b', ''],
		['/paths/a/%2e%2e/b', 'b', '/paths/b', ''],
		['/paths/%C3%BC', 'ü', '/paths/%C3%BC', ''],
		['/paths/a+b?x=+&y=%C3%BC', 'a+b', '/paths/a+b', '?x=+&y=%C3%BC'],
		['/paths/a;b?c=d?e', 'a;b', '/paths/a;b', '?c=d?e'],
		['/paths/a\\b', 'a/b', '/paths/a/b', ''],
		['/paths/a?b=%ZZ', 'a', '/paths/a', '?b=%ZZ'],
		['/paths/%5B1%5D', '[1]', '/paths/%5B1%5D', '']
	])('the address %s', async (address, rest, path, search) => {
		expect(JSON.parse((await server().get(address)).text)).toEqual({ rest, path, search });
	});

	test.each([
		['/paths/%', 400],
		['/paths/%E0%A4%A', 400],
		['/paths/ü', 400],
		['/paths/a?ü', 400],
		['//evil.test/..', 404],
		['/paths/..%2fasked', 200],
		['/..', 200]
	])('the address %s is %i', async (address, status) => {
		const answer = await server().get(address);

		expect(answer.status).toBe(status);
		expect(answer.header('location')).toBeUndefined();
	});

	test.each([
		['an absolute address', 'GET http://a.test/asked HTTP/1.1\r\nHost: a.test\r\n\r\n', 400],
		['HTTP/1.0', 'GET /answers?of=text HTTP/1.0\r\nHost: a\r\n\r\n', 200],
		['a method that few know', 'PROPFIND /methods HTTP/1.1\r\nHost: a\r\n\r\n', 405],
		['TRACE', 'TRACE /methods HTTP/1.1\r\nHost: a\r\n\r\n', 405]
	] as const)('%s', async (claim, text, status) => {
		const connection = await RawConnection.open(server().port);
		connection.send(text);

		const expected = server().expected(claim, status);
		// It ends an idle connection in its own time; by then others are answered, and this one not.
		if (expected === 'none') {
			for (let i = 0; i < 5; i++) await server().get('/answers?of=text');
			expect(connection.received).toBe('');
			connection.socket.destroy();
			return;
		}
		const answer = await answerOn(connection);
		expect(statusOf(answer)).toBe(expected);
		if (answer !== 'none' && expected === 405) expect(answer.header('allow')).toContain('GET');
	});

	// --- bodies ---

	test('bodies arrive: with a length, in chunks, empty, and without a type', async () => {
		const bytes = ({ text }: { text: string }) =>
			(JSON.parse(text) as { bytes: number; body: string }).bytes;
		const type = { 'Content-Type': 'text/plain' };
		const chunked = await server().open('POST', '/asked', {
			...type,
			Origin: 'http://site.test',
			'Transfer-Encoding': 'chunked'
		});
		chunked.send('3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n');

		expect(bytes(await server().post('/asked', 'hello', type))).toBe(5);
		expect(bytes(await chunked.response())).toBe(5);
		expect(bytes(await server().post('/asked', '', type))).toBe(0);
		const connection = await server().open('POST', '/asked', { 'Content-Length': '5' });
		connection.send('hello');
		expect(bytes(await connection.response())).toBe(server().expected('a post without a type', 5));
		for (const { socket } of [chunked, connection]) socket.destroy();
	});

	test('a body larger than BODY_SIZE_LIMIT is 413, announced or not', async () => {
		const large = Buffer.alloc(BODY_LIMIT + 1, 'x');
		const headers = { 'Content-Type': 'text/plain', Origin: 'http://site.test' };
		const announced = await server().open('POST', '/asked', {
			...headers,
			'Content-Length': String(large.length)
		});
		const { status } = await announced.head();
		announced.socket.destroy();
		const chunked = await server().open('POST', '/asked', {
			...headers,
			'Transfer-Encoding': 'chunked'
		});
		chunked.send(`${large.length.toString(16)}\r\n`);
		chunked.send(large);
		const head = await chunked.head();
		chunked.socket.destroy();

		expect([status, head.status]).toEqual([413, 413]);
	});
}

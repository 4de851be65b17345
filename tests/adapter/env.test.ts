import { describe, expect, test } from 'vitest';
import { peerAddress } from '../../adapter/runtime/address.ts';
import { availableParallelism } from 'node:os';
import { NAMES, readEnvironment } from '../../adapter/runtime/env.ts';
import { plain, read, tableUnder } from '../claims/markdown.ts';

describe('readEnvironment', () => {
	test("has the defaults of SvelteKit's own adapter", () => {
		const { host, port, path, fd, certificate, idleTimeout, timeouts, bodyLimit, shutdownTimeout } =
			readEnvironment({});
		expect([path, fd, certificate, idleTimeout]).toEqual([
			undefined,
			undefined,
			undefined,
			undefined
		]);
		expect(timeouts).toEqual({ keepAlive: undefined, headers: undefined });

		expect({ host, port, bodyLimit, shutdownTimeout }).toEqual({
			host: '0.0.0.0',
			port: 3000,
			bodyLimit: 512 * 1024,
			shutdownTimeout: 30_000
		});
	});

	test('the table of the README has every variable that is read, in order', () => {
		const rows = tableUnder(read('README.md'), 'variable').map(([name]) => plain(name!));

		expect(rows).toEqual([...NAMES]);
	});

	test('workers are as many as are asked for, or one on each core', () => {
		expect(readEnvironment({}).workers).toBe(undefined);
		expect(readEnvironment({ WORKERS: '3' }).workers).toBe(3);
		expect(readEnvironment({ APP_WORKERS: 'auto' }, { prefix: 'APP_' })).toMatchObject({
			workers: availableParallelism(),
			prefix: 'APP_'
		});
	});

	test('the spread of a shutdown is left to it, unless it is set', () => {
		expect(readEnvironment({})).toMatchObject({ shutdownDelay: 0, shutdownSpread: undefined });
		const set = { SHUTDOWN_DELAY_MS: '200', SHUTDOWN_SPREAD_MS: '0' };
		expect(readEnvironment(set)).toMatchObject({ shutdownDelay: 200, shutdownSpread: 0 });
	});

	test.each([
		['PORT', '3000x'],
		['PORT', '-1'],
		['PORT', '65536'],
		['PORT', '1e3'],
		['PORT', ' 80'],
		['ORIGIN', 'example.com'],
		['ORIGIN', 'ftp://example.com'],
		['XFF_DEPTH', '0'],
		['XFF_DEPTH', 'two'],
		['BODY_SIZE_LIMIT', '-1'],
		['BODY_SIZE_LIMIT', 'NaN'],
		['BODY_SIZE_LIMIT', '10X'],
		['BODY_SIZE_LIMIT', '0x10'],
		['SHUTDOWN_TIMEOUT', '-5'],
		['SHUTDOWN_TIMEOUT', '1.5'],
		['SHUTDOWN_DELAY_MS', '1s'],
		['SHUTDOWN_SPREAD_MS', '-1'],
		['IDLE_TIMEOUT', '-1'],
		['KEEP_ALIVE_TIMEOUT', '5s'],
		['HEADERS_TIMEOUT', '0.5'],
		['LISTEN_FDS', '2'],
		['WORKERS', '0'],
		['WORKERS', 'max'],
		['WORKERS', '1.5']
	])('refuses %s=%s, naming both', (name, value) => {
		expect(() => readEnvironment({ [name]: value })).toThrow(
			expect.objectContaining({
				code: 'RT_OPTION_INVALID',
				message: expect.stringMatching(new RegExp(`"${name}".*"${value.replace('.', '\\.')}"`))
			})
		);
	});

	test.each([
		['0', 0],
		['1024', 1024],
		['512K', 512 * 1024],
		['10mb', 10 * 1024 ** 2],
		['1.5G', 1.5 * 1024 ** 3],
		['Infinity', Infinity]
	])('BODY_SIZE_LIMIT=%s is %d bytes', (text, bytes) => {
		expect(readEnvironment({ BODY_SIZE_LIMIT: text }).bodyLimit).toBe(bytes);
	});

	test('times are seconds, as there', () => {
		const environment = readEnvironment({
			IDLE_TIMEOUT: '60',
			KEEP_ALIVE_TIMEOUT: '65',
			HEADERS_TIMEOUT: '0'
		});

		expect(environment.idleTimeout).toBe(60_000);
		expect(environment.timeouts).toEqual({ keepAlive: 65_000, headers: 0 });
	});

	test('a socket of systemd comes before every address, and is for one process', () => {
		const given = { LISTEN_FDS: '1', LISTEN_PID: String(process.pid) };

		expect(readEnvironment({ ...given, SOCKET_PATH: '/a' })).toMatchObject({
			fd: 3,
			path: undefined
		});
		// systemd knows of no prefix.
		expect(readEnvironment(given, { prefix: 'APP_' }).fd).toBe(3);
		expect(readEnvironment({ LISTEN_FDS: '0', LISTEN_PID: '1' }).fd).toBe(undefined);
		expect(() => readEnvironment({ ...given, LISTEN_PID: '1' })).toThrow(/"LISTEN_PID".*"1"/);
		expect(() => readEnvironment({ ...given, WORKERS: '2' })).toThrow(/LISTEN_FDS.*WORKERS/);
	});

	test('a certificate needs its key, and the other way round', () => {
		const files = { SSL_CERT: '/cert.pem', SSL_KEY: '/key.pem' };

		expect(readEnvironment(files).certificate).toEqual({ cert: '/cert.pem', key: '/key.pem' });
		expect(() => readEnvironment({ SSL_CERT: '/cert.pem' })).toThrow(/"SSL_KEY".*SSL_CERT/);
		expect(() => readEnvironment({ SSL_KEY: '/key.pem' })).toThrow(/"SSL_CERT".*SSL_KEY/);
	});

	test('embedded, what says where and how to listen is not read', () => {
		const given = { LISTEN_FDS: '1', LISTEN_PID: '1', SSL_CERT: '/cert.pem' };

		expect(readEnvironment(given, { isEmbedded: true })).toMatchObject({
			fd: undefined,
			certificate: undefined
		});
	});

	test('an empty variable is one that is not set', () => {
		expect(readEnvironment({ PORT: '', ORIGIN: '' }).port).toBe(3000);
	});

	test('a prefix parts the variables, and an unknown name behind it is refused', () => {
		expect(readEnvironment({ PORT: '1', APP_PORT: '2' }, { prefix: 'APP_' }).port).toBe(2);
		expect(() => readEnvironment({ APP_PROT: '2' }, { prefix: 'APP_' })).toThrow(/APP_PROT/);
	});
});

describe('origin', () => {
	const originOf = (env: Record<string, string>, headers: Record<string, string>) =>
		readEnvironment(env).origin(headers);

	test('ORIGIN wins over everything that a request says', () => {
		const env = { ORIGIN: 'https://example.com/path', HOST_HEADER: 'x-forwarded-host' };

		expect(originOf(env, { host: 'evil', 'x-forwarded-host': 'evil' })).toBe('https://example.com');
	});

	test('with a certificate the scheme is https, unless a proxy says another', () => {
		const files = { SSL_CERT: '/cert.pem', SSL_KEY: '/key.pem', PROTOCOL_HEADER: 'x-proto' };

		expect(originOf(files, { host: 'a' })).toBe('https://a');
		expect(originOf(files, { host: 'a', 'x-proto': 'http' })).toBe('http://a');
	});

	test('without it the host counts', () => {
		expect(originOf({}, { host: 'localhost:3000' })).toBe('http://localhost:3000');
		expect(originOf({}, { host: '[::1]:3000' })).toBe('http://[::1]:3000');
		expect(originOf({}, { host: 'Example.com:80' })).toBe('http://example.com');
	});

	test('forwarded headers count only where they are named', () => {
		const headers = {
			host: 'internal:3000',
			'x-proto': 'https',
			'x-host': 'shop.example',
			'x-port': '8443'
		};

		expect(originOf({}, headers)).toBe('http://internal:3000');
		expect(originOf({ PROTOCOL_HEADER: 'X-Proto', HOST_HEADER: 'x-host' }, headers)).toBe(
			'https://shop.example'
		);
		expect(
			originOf(
				{ PROTOCOL_HEADER: 'x-proto', HOST_HEADER: 'x-host', PORT_HEADER: 'x-port' },
				headers
			)
		).toBe('https://shop.example:8443');
	});

	test.each([
		[{}],
		[{ host: '' }],
		[{ host: 'a b' }],
		[{ host: 'a/b' }],
		[{ host: 'a@b' }],
		[{ host: 'a\\b' }],
		[{ host: 'a,b' }],
		[{ host: 'a:b' }],
		[{ host: 'ok', proto: 'javascript' }],
		[{ host: 'ok', port: '80/x' }]
	])('there is none for %o', (headers: Record<string, string>) => {
		expect(originOf({ PROTOCOL_HEADER: 'proto', PORT_HEADER: 'port' }, headers)).toBeUndefined();
	});
});

describe('client address', () => {
	const xff = { ADDRESS_HEADER: 'X-Forwarded-For' };
	const headers = { 'x-forwarded-for': '1.1.1.1, 2.2.2.2,3.3.3.3' };

	test("is the peer's without ADDRESS_HEADER", () => {
		expect(readEnvironment({}).clientAddress(headers, '9.9.9.9')).toBe('9.9.9.9');
	});

	test('is counted from the right in x-forwarded-for', () => {
		expect(readEnvironment(xff).clientAddress(headers, '9.9.9.9')).toBe('3.3.3.3');
		expect(readEnvironment({ ...xff, XFF_DEPTH: '3' }).clientAddress(headers, '9.9.9.9')).toBe(
			'1.1.1.1'
		);
	});

	test('throws for a page and falls back to the peer for a socket where the header is missing', () => {
		const environment = readEnvironment({ ...xff, XFF_DEPTH: '4' });

		expect(() => environment.clientAddress(headers, '9.9.9.9')).toThrow(/XFF_DEPTH is 4/);
		expect(() => environment.clientAddress({}, '9.9.9.9')).toThrow(/x-forwarded-for/);
		expect(environment.resolve({ host: 'a' }, '::ffff:9.9.9.9')).toEqual({
			ip: '9.9.9.9',
			origin: 'http://a'
		});
	});
});

test.each([
	['127.0.0.1', '127.0.0.1'],
	['::ffff:127.0.0.1', '127.0.0.1'],
	['0000:0000:0000:0000:0000:ffff:7f00:0001', '127.0.0.1'],
	['0000:0000:0000:0000:0000:0000:0000:0001', '::1'],
	['2001:0db8:0000:0000:0000:0000:0000:00ff', '2001:db8::ff'],
	['fe80::1%eth0', 'fe80::1%eth0'],
	['', '']
])('the peer %s is written %s', (text, short) => {
	expect(peerAddress(text)).toBe(short);
});

import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { selectTransport } from '../../adapter/transports/select.ts';
import { plain, read, tableUnder } from '../claims/markdown.ts';
import { FRONTS, startFront, type Front } from './fronts.ts';
import { RawConnection, request } from './raw.ts';

const selected = await selectTransport('uws');
/** Whether it is a release with the larger limits, as far as what it exports tells. */
const isRecent = selected.name === 'uws' && 'DeclarativeResponse' in selected.uws;

const TABLE = tableUnder(read('README.md'), 'of a request');
/** What the README says of a limit: the numbers of its cell, but those of releases. */
const limits = (name: string, column: number): readonly number[] => {
	const row = TABLE.find(([what]) => plain(what!) === name);
	const cell = (row?.[column] ?? '').replaceAll(/20\.\d+/g, '');
	return (cell.match(/\d[\d,]*/g) ?? []).map((text) => Number(text.replaceAll(',', '')));
};
const limit = (name: string, column: number): number => limits(name, column)[0]!;

describe.each(FRONTS)('%s', (name) => {
	const column = name === 'uws' ? 1 : 2;
	let front: Front;
	beforeAll(async () => {
		front = await startFront(name, {
			respond: async (asked) => new Response(`read ${(await asked.text()).length}`)
		});
	});
	afterAll(() => front.close());

	/** Sends what a packet cannot hold alone, as all but the last bytes go first. */
	const inTwo = async (text: string): Promise<string> => {
		const connection = await RawConnection.open(front.port);
		connection.socket.setNoDelay();
		connection.send(text.slice(0, -2));
		// What is answered has come after it, so the server has read it by then.
		const later = await RawConnection.open(front.port);
		later.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
		await later.response();
		later.socket.destroy();
		connection.send(text.slice(-2));
		await Promise.race([connection.closed(), connection.until((got) => got.includes('\r\n'))]);
		connection.socket.destroy();
		return connection.received.split('\r\n')[0]!;
	};
	const sized = (bytes: number, start: string, rest: string): string =>
		start + 'a'.repeat(bytes - start.length - rest.length) + rest;

	test.each([
		['a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: ', '\r\n\r\n'],
		['the path', 'GET /', ' HTTP/1.1\r\nHost: a\r\n\r\n']
	])('a request is as large as the README says, whether %s makes it so', async (_, start, rest) => {
		const [newest, oldest = newest] = limits('request line and headers', column);
		const bytes = (isRecent ? newest : oldest)!;
		// Node counts no line ends.
		const slack = 32;

		expect(await inTwo(sized(bytes - slack, start, rest))).toBe('HTTP/1.1 200 OK');
		expect(await inTwo(sized(bytes + slack, start, rest))).toMatch(/^$|^HTTP\/1\.1 431 /);
	});

	test('it has as many headers as the README says', async () => {
		const [newest, oldest = newest ?? 2500] = limits('headers', column);
		const count = name === 'uws' && isRecent ? newest! : oldest;
		const answer = async (headers: number): Promise<string> => {
			const own = Array.from({ length: headers - 1 }, (_x, index) => `x${index}: 1\r\n`).join('');
			return inTwo(`GET / HTTP/1.1\r\nHost: a\r\n${own}\r\n`);
		};

		expect(await answer(count)).toBe('HTTP/1.1 200 OK');
		// Before, it waits for headers that do not come.
		if (name === 'uws' && isRecent) expect(await answer(count + 1)).toMatch(/^HTTP\/1\.1 431 /);
	});
});

/** Whoever waits for a time-out waits for long. */
if (process.env['TEST_LONG']) {
	describe.concurrent.each(FRONTS)('%s, over time', (name) => {
		const column = name === 'uws' ? 1 : 2;
		const seconds = (what: string): number => limit(what, column);

		/** Milliseconds until the server ends a connection on which that is sent. */
		const ends = async (text: string, drip = '', apart = 1000): Promise<number> => {
			const front = await startFront(name, {
				respond: async (asked) => new Response(await asked.text())
			});
			const socket = connect(front.port, '127.0.0.1').on('error', () => {});
			const begun = performance.now();
			socket.resume().write(text);
			const dripping = setInterval(() => drip && socket.write(drip), apart);
			await new Promise((resolve) => socket.once('close', resolve));
			clearInterval(dripping);
			await front.close();
			return (performance.now() - begun) / 1000;
		};
		/** A time-out is looked at every few seconds. */
		const about = (time: number, given: number): void => {
			expect(time).toBeGreaterThan(given - 4);
			expect(time).toBeLessThan(given + 8);
		};

		test('headers that do not end, however they come', async () => {
			const start = 'GET / HTTP/1.1\r\nHost: a\r\nX: ';
			const [silent, dripping] = await Promise.all([ends(start), ends(start, 'a')]);
			about(silent, seconds('until the headers are in'));
			about(dripping, seconds('until the headers are in'));
		}, 90_000);

		test('a connection without a further request', async () => {
			about(await ends(request('/')), seconds('until the next request'));
		}, 90_000);

		test('a body that stops', async () => {
			const start = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\na';
			about(await ends(start), seconds('silence in a body'));
		}, 400_000);

		test('a body that comes slowly arrives', async () => {
			const front = await startFront(name, {
				respond: async (asked) => new Response(await asked.text())
			});
			const connection = await RawConnection.open(front.port);
			connection.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n');
			for (let sent = 0; sent < 8; sent += 1) {
				await new Promise((resolve) => setTimeout(resolve, 4000));
				connection.send('a');
			}

			expect((await connection.response()).text).toBe('aaaaaaaa');
			connection.socket.destroy();
			await front.close();
		}, 90_000);
	});
}

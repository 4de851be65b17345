/** What flows: streamed promises, events, `query.live`, large bodies both ways, and clients that go. */

import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { createBrotliDecompress } from 'node:zlib';
import { expect, test } from 'vitest';
import { until } from '../../servers/until.ts';
import type { Beside } from './server.ts';

/** Bytes of what `/large` answers. */
const LARGE = 64 * 1024 * 1024;

let ids = 0;
const newId = (): string => `id${(ids += 1)}`;

export function streams(server: () => Beside): void {
	test('the shell of a page is there before its promises settle, and each as it does', async () => {
		const id = newId();
		const connection = await server().open('GET', `/stream?id=${id}`);

		await connection.until((received) => received.includes('waiting'));
		expect(connection.received).toContain('at once');
		expect(connection.received).not.toContain(' in"');
		await server().release(`${id}:2`);
		await connection.until((received) => received.includes('second in'));
		expect(connection.received).not.toContain('first in');
		await server().release(`${id}:1`);
		const page = await connection.response();
		connection.socket.destroy();

		expect([page.header('transfer-encoding'), page.header('content-length')]).toEqual([
			'chunked',
			undefined
		]);
		expect(page.text).toContain('first in');
	});

	test('compressed, the shell of a page can be read as early', async () => {
		// Theirs compresses nothing of this kind.
		const coding = server().isOurs ? 'br' : undefined;
		const id = newId();
		const connection = await server().open('GET', `/stream?id=${id}`, { 'Accept-Encoding': 'br' });
		const head = await connection.head();
		const decoder = coding ? createBrotliDecompress() : new PassThrough();
		let page = '';
		decoder.on('data', (bytes: Buffer) => (page += String(bytes)));
		const read = async (text: string) => {
			while (!page.includes(text)) {
				const decoded = once(decoder, 'data');
				decoder.write(await connection.chunk());
				await decoded;
			}
		};

		await read('waiting');
		expect(page).not.toContain('first in');
		await server().release(`${id}:1`);
		await read('first in');
		connection.socket.destroy();

		expect(head.header('content-encoding')).toBe(coding);
	});

	test('events come one by one, not to be held back by a proxy, nor to be compressed', async () => {
		const id = newId();
		const connection = await server().open('GET', `/events?id=${id}`, {
			'Accept-Encoding': 'br, gzip'
		});
		const head = await connection.head();

		expect(head.header('content-type')).toBe('text/event-stream');
		expect(head.header('x-accel-buffering')).toBe('no');
		expect(head.header('content-encoding')).toBeUndefined();
		expect(String(await connection.chunk())).toBe('data: 0\n\n');
		for (const number of [1, 2]) {
			await server().release(`${id}:${number}`);
			expect(String(await connection.chunk())).toBe(`data: ${number}\n\n`);
		}
		connection.socket.destroy();
	});

	test('the head of a stream that says nothing yet is there', async () => {
		const id = newId();
		const connection = await server().open('GET', `/events?id=${id}&silent`);
		const isHeld = server().expected('the head of a silent stream', 'sent') === 'held back';

		if (isHeld) {
			for (let i = 0; i < 5; i++) await server().get('/answers?of=text');
			expect(connection.received).not.toContain('\r\n\r\n');
		} else {
			expect((await connection.head()).status).toBe(200);
		}
		await server().release(`${id}:0`);
		await connection.until((received) => received.includes('data: 0'));
		connection.socket.destroy();
	});

	test('a client that leaves a stream aborts its request and cancels its body', async () => {
		const id = newId();
		const connection = await server().open('GET', `/events?id=${id}`);
		await connection.until((received) => received.includes('data: 0'));

		connection.socket.destroy();

		await until(async () => (await server().notes(id)).length === 2);
		expect((await server().notes(id)).sort()).toEqual(['aborted', 'cancelled']);
	});

	// --- query.live ---

	const live = async (id: string) => {
		const { ticks } = await server().control();
		const payload = Buffer.from(JSON.stringify([id])).toString('base64url');
		return server().open('GET', `/_app/remote/${ticks}?payload=${payload}`, {
			'x-sveltekit-pathname': '/',
			'Accept-Encoding': 'br, gzip'
		});
	};
	const result = (chunk: Buffer): unknown =>
		JSON.parse((JSON.parse(String(chunk).slice('data: '.length)) as { result: string }).result);

	test('query.live sends each value when it is there, and nothing is held back', async () => {
		const id = newId();
		const connection = await live(id);
		const head = await connection.head();

		expect([head.status, head.header('content-type')]).toEqual([200, 'text/event-stream']);
		expect(head.header('x-accel-buffering')).toBe('no');
		expect(head.header('cache-control')).toBe('private, no-store');
		expect(head.header('content-encoding')).toBeUndefined();
		expect(result(await connection.chunk())).toEqual([{ tick: 1 }, 0]);
		for (const tick of [1, 2]) {
			await server().release(`${id}:${tick}`);
			expect(result(await connection.chunk())).toEqual([{ tick: 1 }, tick]);
		}
		await server().release(`${id}:end`);
		expect((await connection.chunk()).length).toBe(0);
		expect(await server().notes(id)).toEqual(['returned']);
		connection.socket.destroy();
	});

	test('query.live ends when its client goes', async () => {
		const id = newId();
		const connection = await live(id);
		await connection.until((received) => received.includes('data: '));
		for (const tick of [1, 2]) await server().release(`${id}:${tick}`);
		await connection.until((received) => received.toString().split('data: ').length === 4);

		connection.socket.destroy();

		await until(async () => (await server().notes(id)).includes('returned'));
		expect(await server().notes(id)).toEqual(['aborted', 'returned']);
	});

	// --- large answers ---

	test.each(['', '&length'])('a large answer is made at the pace of its reader %s', async (how) => {
		const id = newId();
		const connection = await server().open('GET', `/large?id=${id}${how}`);
		const head = await connection.head();
		connection.socket.pause();
		let made = -1;
		// What the sockets of both sides hold is made; then it rests.
		await until(async () => {
			const before = made;
			made = (await server().notes(id)).length;
			return made > 0 && made === before;
		});
		// Put together it would be copied again and again.
		connection.socket.removeAllListeners('data');
		let bytes = connection.received.length;
		connection.socket.on('data', (chunk) => (bytes += chunk.length));
		connection.socket.resume();
		await until(() => bytes >= LARGE);
		connection.socket.destroy();

		expect(made).toBeLessThan(128);
		expect(head.header('content-length')).toBe(how ? String(LARGE) : undefined);
		expect(head.header('transfer-encoding')).toBe(how ? undefined : 'chunked');
	});

	test('a client that leaves a large answer cancels it', async () => {
		const id = newId();
		const connection = await server().open('GET', `/large?id=${id}`);
		await connection.head();

		connection.socket.destroy();

		await until(async () => (await server().notes(id)).includes('cancelled'));
	});

	// --- uploads ---

	const upload = async (headers: Record<string, string>) => {
		const id = newId();
		const connection = await server().open('POST', `/uploads?id=${id}`, {
			Origin: 'http://site.test',
			'Content-Type': 'application/octet-stream',
			...headers
		});
		return { id, connection };
	};

	test('an upload is taken in at the pace of its reader', async () => {
		const total = 32 * 1024 * 1024;
		const { id, connection } = await upload({ 'Content-Length': String(total) });
		await until(async () => (await server().notes(id)).includes('begun'));
		const block = Buffer.alloc(1024 * 1024);
		for (let sent = 0; sent < total; sent += block.length) connection.send(block);
		let waiting = -1;
		await until(async () => {
			const before = waiting;
			await server().get('/answers?of=text');
			waiting = connection.socket.writableLength;
			return waiting === before;
		});
		await server().release(`${id}:read`);
		const answer = await connection.response();
		connection.socket.destroy();

		expect(waiting).toBeGreaterThan(total / 2);
		expect(JSON.parse(answer.text)).toEqual({ bytes: total });
	});

	test('an upload that is broken off aborts its request and fails its body', async () => {
		for (const framing of [{ 'Content-Length': '100' }, { 'Transfer-Encoding': 'chunked' }]) {
			const { id, connection } = await upload(framing as Record<string, string>);
			connection.send('5\r\nabcde\r\n');
			await until(async () => (await server().notes(id)).includes('begun'));
			await server().release(`${id}:read`);

			connection.socket.destroy();

			await until(async () => (await server().notes(id)).length === 3);
			expect((await server().notes(id)).sort()).toEqual(['aborted', 'begun', 'failed']);
		}
	});
}

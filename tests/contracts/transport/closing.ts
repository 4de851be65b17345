import { describe, expect, test } from 'vitest';
import { sendUntil, type Start } from './bench.ts';
import { HANDSHAKE } from './clients.ts';

const KIB = 1024;

export function closingContract(start: Start): void {
	describe('closing', () => {
		test('a code of our own arrives with its reason', async () => {
			const { host, connected } = await start();
			const { client, socket } = await connected();
			const reason = 'ü'.repeat(61);

			socket.close(4401, reason);

			expect(await client.closed).toEqual({ code: 4401, reason });
			expect(await host.closed.next()).toMatchObject({ code: 4401, reason });
			expect(host.closed.all).toHaveLength(1);
		});

		test('the host hears of its own close before the call returns', async () => {
			const { host, connected } = await start();
			const { socket } = await connected();

			socket.close(1012, 'restart');

			expect(host.closed.all).toHaveLength(1);
		});

		test('a socket may be closed while it opens', async () => {
			const { host, client, settled } = await start();
			host.onOpen = (socket) => socket.close(1013, 'full');

			const made = client();

			expect(await made.closed).toEqual({ code: 1013, reason: 'full' });
			host.onOpen = () => {};
			await settled();
			expect(host.closed.all.map(({ code }) => code)).toEqual([1013]);
		});

		test('a socket may be closed inside of a cork, behind what was sent', async () => {
			const { connected } = await start();
			const { client, socket } = await connected();

			socket.cork(() => {
				socket.send('last words');
				socket.close(4503, 'out');
			});

			expect(await client.messages.next()).toBe('last words');
			expect(await client.closed).toEqual({ code: 4503, reason: 'out' });
		});

		test('a close arrives behind what is queued', async () => {
			const { connected } = await start({ sendBuffer: 64 * 1024 * KIB });
			const { client, socket } = await connected();
			client.ws.pause();
			const sent = sendUntil(socket, 'queued');

			socket.close(4401, 'enough');
			client.ws.resume();

			expect(await client.closed).toEqual({ code: 4401, reason: 'enough' });
			expect(client.messages.all).toHaveLength(sent);
		});

		test("a client's code and reason reach the host", async () => {
			const { host, connected } = await start();
			const { client } = await connected();

			client.ws.close(4123, 'bye');

			expect(await host.closed.next()).toMatchObject({ code: 4123, reason: 'bye' });
			expect((await client.closed).code).toBe(4123);
		});

		test('messages after the close are not heard', async () => {
			const { host, connected, settled } = await start();
			const { client } = await connected();
			host.onMessage = (socket) => socket.close(4500, 'one is enough');

			client.ws.send('one');
			client.ws.send('two');
			await client.closed;
			await settled();

			expect(host.messages.all.map(({ payload }) => payload)).toEqual(['one']);
		});

		test.each(['nothing', 'all that it may', 'a close'])(
			'what a client sends before it leaves is heard before its close, and answered with %s',
			async (answer) => {
				const { host, transport, connected, settled } = await start();
				const { client } = await connected();
				const told: unknown[] = [];
				host.onMessage = (socket) => {
					told.push(host.closed.all.length);
					if (answer === 'a close') socket.close(4500, 'go');
					if (answer !== 'all that it may') return;
					socket.cork(() => socket.send('late'));
					socket.subscribe('t');
					socket.publish('t', 'to others');
					socket.unsubscribe('t');
					told.push(typeof socket.bufferedBytes);
				};

				// In one packet, so that there is no moment between them.
				client.raw.cork();
				client.ws.send('one');
				client.ws.send('two');
				client.ws.close(4123, 'bye');
				client.raw.uncork();

				await client.closed;
				await host.closed.next();
				await settled();
				const isCut = answer === 'a close';
				const heard = host.messages.all.map(({ payload }) => payload);
				expect(heard).toEqual(isCut ? ['one'] : ['one', 'two']);
				expect(told.filter((one) => one !== 'number')).toEqual(isCut ? [0] : [0, 0]);
				expect(host.closed.all).toHaveLength(1);
				expect(transport.subscribers('t')).toBe(0);
			}
		);

		test.each(['destroy', 'resetAndDestroy'] as const)(
			'a client that vanishes (%s) is closed once, with 1006',
			async (leave) => {
				const { host, connected, settled } = await start();
				const { client } = await connected();

				client.raw[leave]();

				expect((await host.closed.next()).code).toBe(1006);
				await settled();
				expect(host.closed.all).toHaveLength(1);
			}
		);

		test.each([
			['a ping that is too long', [0x89, 0xfe, 0, 126, 0, 0, 0, 0]],
			['an unknown opcode', [0x83, 0x80, 0, 0, 0, 0]],
			['reserved bits', [0xf1, 0x80, 0, 0, 0, 0]],
			['text that is no UTF-8', [0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]],
			[
				'a length beyond all memory',
				[0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]
			]
		])('a client that sends %s is closed once', async (_, bytes) => {
			const { host, raw, settled } = await start();
			const made = raw(['GET /ws HTTP/1.1', ...HANDSHAKE]);
			await made.until('\r\n\r\n');

			made.socket.write(Buffer.from(bytes));
			await host.closed.next();
			await made.closed;
			await settled();

			expect(host.closed.all).toHaveLength(1);
			expect(host.messages.all).toEqual([]);
		});
	});
}

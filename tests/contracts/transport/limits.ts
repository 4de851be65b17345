import { describe, expect, test } from 'vitest';
import type { SendStatus } from '../../../kernel/transport.ts';
import { OVERSIZE_MARGIN } from '../../../adapter/transports/attachment.ts';
import { sendUntil, type Start } from './bench.ts';

const KIB = 1024;

export function limitsContract(start: Start): void {
	describe('limits', () => {
		test('a message over the limit reaches the host, whose 1009 reaches the client', async () => {
			const { host, connected } = await start({ message: KIB });
			const { client } = await connected();
			host.onMessage = (socket) => socket.close(1009, 'at most 1 KiB');

			client.ws.send('x'.repeat(KIB + OVERSIZE_MARGIN));

			expect((await host.messages.next()).byteLength).toBe(KIB + OVERSIZE_MARGIN);
			expect(await client.closed).toEqual({ code: 1009, reason: 'at most 1 KiB' });
		});

		test('a message far over the limit ends the connection, once', async () => {
			const { host, connected, settled } = await start({ message: KIB });
			const { client } = await connected();

			client.ws.send('x'.repeat(KIB + OVERSIZE_MARGIN + 1));

			expect([1006, 1009]).toContain((await client.closed).code);
			expect((await host.closed.next()).code).toBe(1006);
			await settled();
			expect(host.closed.all).toHaveLength(1);
			expect(host.messages.all).toEqual([]);
		});

		test('sends are queued, then dropped, and a drain tells that there is room', async () => {
			const { host, connected } = await start({ sendBuffer: 256 * KIB });
			const { client, socket } = await connected();
			client.ws.pause();

			const sent = sendUntil(socket, 'dropped') - 1;

			expect(socket.bufferedBytes).toBeGreaterThan(256 * KIB);
			expect(socket.bufferedBytes).toBeLessThan(400 * KIB);
			expect(host.drained.all).toEqual([]);
			client.ws.resume();
			await host.drained.next();
			expect(socket.bufferedBytes).toBe(0);
			expect(socket.send('room')).toBe('sent');
			while ((await client.messages.next()) !== 'room');
			expect(client.messages.all).toHaveLength(sent + 1);
			expect(host.drained.all).toHaveLength(1);
		});

		test('a long queue is drained once, when nothing is left of it', async () => {
			const { host, connected } = await start({ sendBuffer: 32 * KIB * KIB });
			const { client, socket } = await connected();
			client.ws.pause();
			const left: number[] = [];
			host.drain = (connection) => {
				left.push(socket.bufferedBytes);
				host.drained.push(connection);
			};

			sendUntil(socket, 'dropped');
			client.ws.resume();
			await host.drained.next();
			socket.send('last');
			while ((await client.messages.next()) !== 'last');

			expect(left).toEqual([0]);
		});

		test('a cork of more than the limit is sent where the client reads', async () => {
			const { connected } = await start({ sendBuffer: 64 * KIB });
			const { client, socket } = await connected();

			const statuses: SendStatus[] = [];
			socket.cork(() => {
				for (let i = 0; i < 40; i += 1) statuses.push(socket.send('x'.repeat(4 * KIB)));
			});
			socket.close(4400, 'done');
			await client.closed;

			expect(statuses).not.toContain('dropped');
			expect(client.messages.all).toHaveLength(40);
		});

		test('a follower that does not read misses frames, and holds up nobody', async () => {
			const { host, transport, connected } = await start({ sendBuffer: 256 * KIB });
			const slow = await connected();
			const fast = await connected();
			slow.socket.subscribe('news');
			fast.socket.subscribe('news');
			slow.client.ws.pause();

			const frame = 'x'.repeat(256 * KIB);
			let published = 0;
			let buffered = 0;
			while (slow.socket.bufferedBytes > buffered || buffered === 0) {
				buffered = slow.socket.bufferedBytes;
				transport.publish('news', frame);
				published += 1;
				expect(await fast.client.messages.next()).toBe(frame);
			}

			expect(fast.client.messages.all).toHaveLength(published);
			slow.client.ws.resume();
			await host.drained.next();
			transport.publish('news', 'room');
			while ((await slow.client.messages.next()) !== 'room');
			expect(slow.client.messages.all.length).toBeLessThan(published + 1);
		});
	});
}

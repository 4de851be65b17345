import { describe, expect, onTestFinished, test } from 'vitest';
import { attachmentOf, type Serve, type Start } from './bench.ts';
import { RecordingHost } from './recording-host.ts';

export function topicsContract(start: Start, serve: Serve): void {
	describe('topics', () => {
		test('before the transport is attached a publish does nothing', async () => {
			const host = new RecordingHost();
			let published: boolean | undefined;
			let followers: number | undefined;

			const served = await serve(attachmentOf(host), (transport) => {
				published = transport.publish('news', 'early');
				followers = transport.subscribers('news');
			});
			onTestFinished(served.close);

			expect(published).toBe(false);
			expect(followers).toBe(0);
		});

		test('a publish reaches those who follow the topic, and nobody else', async () => {
			const { transport, connected } = await start();
			const a = await connected();
			const b = await connected();
			a.socket.subscribe('news');
			b.socket.subscribe('other');

			expect(transport.publish('news', 'text ü')).toBe(true);
			expect(transport.publish('news', new Uint8Array([1, 2]))).toBe(true);
			expect(transport.publish('nobody', 'x')).toBe(false);
			b.socket.send('marker');

			expect(await a.client.messages.next()).toBe('text ü');
			expect(await a.client.messages.next()).toEqual(Buffer.from([1, 2]));
			expect(await b.client.messages.next()).toBe('marker');
		});

		test('after unsubscribe nothing more arrives', async () => {
			const { transport, connected } = await start();
			const { client, socket } = await connected();
			socket.subscribe('news');

			transport.publish('news', 'first');
			socket.unsubscribe('news');
			transport.publish('news', 'second');
			socket.send('marker');

			expect(await client.messages.next()).toBe('first');
			expect(await client.messages.next()).toBe('marker');
		});

		test('what was published before a close arrives', async () => {
			const { transport, connected } = await start();
			const { client, socket } = await connected();
			socket.subscribe('news');

			transport.publish('news', 'last words');
			socket.close(4400, 'done');
			await client.closed;

			expect(client.messages.all).toEqual(['last words']);
		});

		test('in one tick, frames before a subscription stay out and later ones keep order', async () => {
			const { transport, connected } = await start();
			const { client, socket } = await connected();
			const other = await connected();
			other.socket.subscribe('news');

			transport.publish('news', 'before');
			socket.subscribe('news');
			socket.send('snapshot');
			transport.publish('news', 'after');
			socket.send('marker');

			expect(await client.messages.next()).toBe('snapshot');
			expect(await client.messages.next()).toBe('after');
			expect(await client.messages.next()).toBe('marker');
		});

		test.each(['follows the topic', 'follows another topic', 'follows nothing'])(
			'a socket that %s publishes to all others but itself',
			async (kind) => {
				const { connected } = await start();
				const sender = await connected();
				const other = await connected();
				other.socket.subscribe('news');
				if (kind === 'follows the topic') sender.socket.subscribe('news');
				if (kind === 'follows another topic') sender.socket.subscribe('else');

				expect(sender.socket.publish('news', 'hello')).toBe(true);
				sender.socket.send('marker');

				expect(await other.client.messages.next()).toBe('hello');
				expect(await sender.client.messages.next()).toBe('marker');
			}
		);

		test('subscribers are counted, until they leave', async () => {
			const { host, transport, connected } = await start();
			const a = await connected();
			const b = await connected();
			a.socket.subscribe('news');
			a.socket.subscribe('news');
			b.socket.subscribe('news');
			const both = transport.subscribers('news');

			a.client.ws.close();
			await host.closed.next();
			const one = transport.subscribers('news');
			b.socket.unsubscribe('news');

			expect([both, one, transport.subscribers('news')]).toEqual([2, 1, 0]);
		});
	});
}

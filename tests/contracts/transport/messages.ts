import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { SendStatus } from '../../../kernel/transport.ts';
import { fail, type Start } from './bench.ts';

export function messagesContract(start: Start): void {
	describe('messages', () => {
		test('text goes both ways, whatever its characters', async () => {
			const { host, connected } = await start();
			const { client, socket } = await connected();
			const text = 'grüße 👋🏽 \u0000 \u2028 \ufeff 日本';

			client.ws.send(text);
			expect(socket.send(text)).toBe('sent');

			expect(await host.messages.next()).toMatchObject({
				payload: text,
				byteLength: Buffer.byteLength(text)
			});
			expect(await client.messages.next()).toBe(text);
		});

		test('bytes go both ways, and those received stay', async () => {
			const { host, connected } = await start();
			const { client, socket } = await connected();

			client.ws.send(new Uint8Array([1, 2, 0, 255]));
			client.ws.send('later');
			socket.send(new Uint8Array([9, 9, 7, 8, 9]).subarray(2, 4));

			const first = await host.messages.next();
			await host.messages.next();
			expect(first.payload).toStrictEqual(new Uint8Array([1, 2, 0, 255]));
			expect((first.payload as Uint8Array).buffer.byteLength).toBe(4);
			expect(await client.messages.next()).toEqual(Buffer.from([7, 8]));
		});

		test('empty messages are messages', async () => {
			const { host, connected } = await start();
			const { client, socket } = await connected();

			client.ws.send('');
			client.ws.send(new Uint8Array());
			socket.send('');

			expect(await host.messages.next()).toMatchObject({ payload: '', byteLength: 0 });
			expect((await host.messages.next()).payload).toStrictEqual(new Uint8Array());
			expect(await client.messages.next()).toBe('');
		});

		test('what the host sends while it opens arrives', async () => {
			const { host, client } = await start();
			host.onOpen = (socket) => void socket.send('welcome');

			const made = client();

			expect(await made.messages.next()).toBe('welcome');
		});

		test('a cork sends all of it, in order, as sent', async () => {
			const { connected } = await start();
			const { client, socket } = await connected();
			const sent = Array.from({ length: 300 }, (_, i) => `${i}:${'x'.repeat(i * 20)}`);

			const statuses = new Set<SendStatus>();
			socket.cork(() => {
				for (const text of sent) statuses.add(socket.send(text));
			});
			socket.send('after');

			for (const text of sent) expect(await client.messages.next()).toBe(text);
			expect(await client.messages.next()).toBe('after');
			expect(statuses).toEqual(new Set(['sent']));
		});

		test('an error inside of a cork reaches its caller, and what was sent goes out', async () => {
			const { connected } = await start();
			const { client, socket } = await connected();

			const work = (): void =>
				socket.cork(() => {
					socket.send('before');
					fail();
				});

			expect(work).toThrow('planted');
			expect(await client.messages.next()).toBe('before');
		});

		test('what a client sends goes on before its next message begins', async () => {
			const { host, connected } = await start();
			const { client } = await connected();
			const told: string[] = [];
			host.onMessage = () => {
				const { payload } = host.messages.all.at(-1)!;
				told.push(`${String(payload)} begins`);
				void Promise.resolve().then(() => told.push(`${String(payload)} goes on`));
			};

			client.raw.cork();
			client.ws.send('one');
			client.ws.send('two');
			client.raw.uncork();

			await host.messages.next();
			await host.messages.next();
			await Promise.resolve();
			expect(told).toEqual(['one begins', 'one goes on', 'two begins', 'two goes on']);
		});

		test('a large message does not wait, and stays behind those before it', async () => {
			const { host, connected } = await start();
			const { client } = await connected();
			const large = 'x'.repeat(20_000);

			client.raw.cork();
			for (const text of ['one', large, 'two']) client.ws.send(text);
			client.raw.uncork();

			for (const text of ['one', large, 'two']) {
				expect((await host.messages.next()).payload).toBe(text);
			}
		});

		test('a host that throws costs the connection a 1011, and no more', async () => {
			const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
			onTestFinished(() => logged.mockRestore());
			const { host, connected } = await start();
			const { client } = await connected();
			host.onMessage = () => fail();

			client.ws.send('x');

			expect((await client.closed).code).toBe(1011);
			expect((await host.closed.next()).code).toBe(1011);
			expect(logged).toHaveBeenCalledOnce();
			await connected();
		});
	});
}

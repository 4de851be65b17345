import { once } from 'node:events';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { live } from 'svelte-realtime';
import { start, type RunningServer } from '../../adapter/runtime/index.ts';
import { FRONTS } from './fronts.ts';

interface Reply {
	readonly type: string;
	readonly id: number | null;
	readonly data?: unknown;
	readonly error?: { readonly code: string; readonly issues?: readonly unknown[] };
}

/** A client that does not keep to anything, on a real socket. */
class Stranger {
	readonly socket: WebSocket;
	readonly #frames: Reply[] = [];
	#wake: () => void = () => {};

	constructor(url: string, origin?: string) {
		this.socket = new WebSocket(url, origin === undefined ? {} : { origin });
		this.socket.on('message', (text) => {
			this.#frames.push(JSON.parse(String(text)) as Reply);
			this.#wake();
		});
	}

	/** The next frame that comes in. */
	async next(): Promise<Reply> {
		while (this.#frames.length === 0) {
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
		return this.#frames.shift()!;
	}

	async say(text: string): Promise<Reply> {
		this.socket.send(text);
		return this.next();
	}
}

const modules = {
	box: {
		greet: live((_ctx: unknown, name: string) => `Hello, ${name.toUpperCase()}.`),
		add: live(v.object({ text: v.string() }), (_ctx, { text }) => text),
		list: live.stream(
			(_ctx: unknown, name: string) => `box:${name}`,
			() => []
		)
	}
};

describe.each(FRONTS)('%s', (transport) => {
	let server: RunningServer;
	let stranger: Stranger;

	beforeAll(async () => {
		vi.spyOn(console, 'log').mockImplementation(() => {});
		server = await start({
			server: { init: async () => {}, respond: async () => new Response('ok') },
			load: async () => ({ config: { transport }, modules }),
			directory: '/nowhere',
			env: { HOST: '127.0.0.1', PORT: '0', ORIGIN: 'http://site.test' },
			signals: false
		});
	});
	afterAll(async () => {
		await server.close();
		vi.restoreAllMocks();
	});
	beforeEach(async () => {
		stranger = new Stranger(`ws://127.0.0.1:${server.port}/ws`, 'http://site.test');
		expect((await stranger.next()).type).toBe('welcome');
		return () => stranger.socket.terminate();
	});

	const call = (path: string, args: unknown): string =>
		JSON.stringify({ type: 'rpc', id: 1, path, args });
	const follow = (path: string, args: unknown): string =>
		JSON.stringify({ type: 'stream', id: 1, path, args });

	test.each([
		['malformed JSON', '{"type":"rpc",', null, 'INVALID_REQUEST'],
		['no frame', '17', null, 'INVALID_REQUEST'],
		['an unknown path', call('box/nothing', []), 1, 'NOT_FOUND'],
		['a prototype name', call('__proto__/constructor', []), 1, 'NOT_FOUND'],
		['another prototype name', call('constructor/prototype', []), 1, 'NOT_FOUND'],
		['arguments that are no list', call('box/greet', { length: 1 }), 1, 'INVALID_REQUEST'],
		['an argument of the wrong type', call('box/greet', [42]), 1, 'INTERNAL_ERROR'],
		['an input that the schema refuses', call('box/add', [{ text: 1 }]), 1, 'VALIDATION'],
		['a stream that is called', call('box/list', ['a']), 1, 'INVALID_REQUEST'],
		['a function that is followed', follow('box/greet', ['a']), 1, 'INVALID_REQUEST'],
		['a topic with control characters', follow('box/list', ['a\u0000b']), 1, 'INVALID_TOPIC'],
		['a topic of 257 characters', follow('box/list', ['x'.repeat(253)]), 1, 'INVALID_TOPIC'],
		[
			'a topic that no stream granted',
			'{"type":"subscribe","id":1,"topic":"box:secret"}',
			1,
			'INVALID_REQUEST'
		]
	])('%s is answered with its code, and the next call works', async (_, text, id, code) => {
		const reported = vi.spyOn(console, 'error').mockImplementation(() => {});

		const reply = await stranger.say(text);
		const next = await stranger.say(call('box/greet', ['Ada']));

		expect(reply).toMatchObject({ type: 'reply', id, error: { code } });
		expect(JSON.stringify(reply)).not.toContain('toUpperCase');
		expect(next).toEqual({ type: 'reply', id: 1, data: 'Hello, ADA.' });
		expect(reported).toHaveBeenCalledTimes(code === 'INTERNAL_ERROR' ? 1 : 0);
		reported.mockRestore();
	});

	test('a topic that no stream granted is not followed', async () => {
		await stranger.say('{"type":"subscribe","id":1,"topic":"box:secret"}');

		await server.app!.kernel.publish('box:secret', 'created', { id: 1 });

		expect(await stranger.say(call('box/greet', ['Ada']))).toMatchObject({ type: 'reply', id: 1 });
	});

	test('a frame over the limit closes its connection with 1009, and no other', async () => {
		const other = new Stranger(`ws://127.0.0.1:${server.port}/ws`);
		await other.next();

		stranger.socket.send(call('box/greet', ['x'.repeat(16 * 1024)]));
		const [code, reason] = (await once(stranger.socket, 'close')) as [number, Buffer];

		expect([code, String(reason)]).toEqual([1009, 'A message has at most 16384 bytes.']);
		expect(await other.say(call('box/greet', ['Ada']))).toMatchObject({ data: 'Hello, ADA.' });
		other.socket.terminate();
	});

	test.each(['http://elsewhere.test', 'null', 'http://site.test:81', 'nonsense'])(
		'an upgrade from the origin %s is refused with 403',
		async (origin) => {
			const foreign = new WebSocket(`ws://127.0.0.1:${server.port}/ws`, { origin });
			foreign.on('error', () => {}); // `ws` throws what nobody listens to

			const status = await new Promise<number | undefined>((resolve) => {
				foreign.once('unexpected-response', (_, { statusCode }) => resolve(statusCode));
				foreign.once('open', () => resolve(101));
			});

			expect(status).toBe(403);
			foreign.terminate();
		}
	);
});

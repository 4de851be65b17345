import { expect, test } from 'vitest';
import { definePlugin, HANDLED, type KernelHooks, type Plugin } from 'svelte-realtime/kernel';
import { settle } from 'svelte-realtime/testing';
import { single } from 'svelte-realtime/presets';
import { encodeBinary } from '../../kernel/protocol.ts';
import { startKernel, takeErrors } from './tracked.ts';

const claim = (name: string, handler: KernelHooks['message'], type?: string): Plugin =>
	definePlugin({
		name,
		setup: ({ hook }) => void hook('message', handler, type === undefined ? {} : { type })
	});

const refusal = (id: number | null, code = 'INVALID_REQUEST'): object =>
	expect.objectContaining({ type: 'reply', id, error: expect.objectContaining({ code }) });

/** Plugins that note what limits were run into. */
function limits(log: string[]): Plugin {
	return definePlugin({
		name: 'limits',
		setup: ({ hook }) =>
			void hook('limited', ({ limit, connection }) => void log.push(`${limit} ${connection?.id}`))
	});
}

test('a ping is answered by the kernel, and no plugin hears of it', async () => {
	const heard: string[] = [];
	const kernel = await startKernel([
		claim('nosy', ({ type }) => {
			heard.push(type);
			return HANDLED;
		})
	]);
	const ada = await kernel.connect();

	await ada.send({ type: 'ping' });
	await ada.send({ type: 'ping' }, { type: 'other' }, { type: 'ping', id: 7 });

	expect(ada.take()).toEqual([{ type: 'pong' }, { type: 'pong' }, { type: 'pong' }]);
	expect(heard).toEqual(['other']);
});

test.each([
	['malformed JSON', '{"type":', [null]],
	['a number', '5', [null]],
	['an object without a type', '{"id":9}', [9]],
	['an empty array', '[]', [null]],
	['an unknown type', '{"type":"nonsense","id":9}', [9]],
	['an unknown type without an id', '{"type":"nonsense"}', [null]],
	['a type that is a name of a prototype', '{"type":"constructor","id":1}', [1]],
	['frames, one of which is none', '[{"type":"rpc","id":1},null]', [1, null]]
])('%s is answered INVALID_REQUEST', async (_, text, ids) => {
	const kernel = await startKernel(single());
	const ada = await kernel.connect();

	await ada.sendText(text);

	expect(ada.received).toEqual(ids.map((id) => refusal(id)));
	expect(ada.connection.isOpen).toBe(true);
});

test('a topic that no stream granted cannot be subscribed to', async () => {
	const kernel = await startKernel(single());
	const ada = await kernel.connect();

	await ada.sendText('{"type":"subscribe","topic":"secret"}');
	kernel.publish('secret', 'e', 'for members');

	expect(ada.received).toEqual([refusal(null)]);
	expect(kernel.transport.subscribers('secret')).toBe(0);
});

test('each frame of a message of 51 is answered, and none is run', async () => {
	const log: string[] = [];
	let ran = 0;
	const counter = claim('counter', () => {
		ran += 1;
		return HANDLED;
	});
	const kernel = await startKernel([counter, limits(log)]);
	const ada = await kernel.connect();

	await ada.send(...Array.from({ length: 51 }, (_, id) => ({ type: 'x', id })));

	expect(ada.received).toEqual(Array.from({ length: 51 }, (_, id) => refusal(id)));
	expect(ran).toBe(0);
	expect(log).toEqual([`batch ${ada.connection.id}`]);
});

test('many things without an id get one answer, not as many', async () => {
	const kernel = await startKernel([]);
	const ada = await kernel.connect();

	await ada.sendText(`[${'1,'.repeat(8000)}{"id":3}]`);

	expect(ada.received).toEqual([refusal(null), refusal(3)]);
});

test('50 frames of one message are run in their order', async () => {
	const seen: unknown[] = [];
	const kernel = await startKernel([
		claim('see', ({ frame }) => {
			seen.push(frame['n']);
			return HANDLED;
		})
	]);
	const ada = await kernel.connect();

	await ada.send(...Array.from({ length: 50 }, (_, n) => ({ type: 'x', n })));

	expect(seen).toEqual(Array.from({ length: 50 }, (_, n) => n));
});

test('a message over the limit closes the connection with 1009, unread', async () => {
	const log: string[] = [];
	let ran = false;
	const kernel = await startKernel([claim('see', () => void (ran = true)), limits(log)]);
	const ada = await kernel.connect();

	await ada.sendText(JSON.stringify({ type: 'x', text: 'ä'.repeat(8192) }));

	expect(ada.socket.closed).toMatchObject({ code: 1009 });
	expect(ran).toBe(false);
	expect(log).toEqual([`message ${ada.connection.id}`]);
});

test('a message of exactly the limit is read', async () => {
	const kernel = await startKernel([]);
	const ada = await kernel.connect();
	const frame = { type: 'x', text: '' };
	frame.text = 'a'.repeat(kernel.limits.message - JSON.stringify(frame).length);

	await ada.send(frame);

	expect(ada.received).toEqual([refusal(null)]);
	expect(ada.connection.isOpen).toBe(true);
});

test('a frame is offered by its type, and the first that claims it has it', async () => {
	const seen: string[] = [];
	const kernel = await startKernel([
		claim('other', () => void seen.push('other'), 'other'),
		claim('looks', () => void seen.push('looks')),
		claim(
			'takes',
			() => {
				seen.push('takes');
				return HANDLED;
			},
			'x'
		),
		claim('late', () => void seen.push('late'))
	]);
	const ada = await kernel.connect();

	await ada.send({ type: 'x' });

	expect(seen).toEqual(['looks', 'takes']);
	expect(ada.received).toEqual([]);
});

test('a frame that an asynchronous handler does not claim is answered too', async () => {
	const kernel = await startKernel([claim('slow', async () => {})]);
	const ada = await kernel.connect();

	await ada.send({ type: 'x', id: 2 });

	expect(ada.received).toEqual([refusal(2)]);
});

test.each<[string, KernelHooks['message']]>([
	[
		'throws',
		() => {
			throw new Error('boom');
		}
	],
	['rejects', () => Promise.reject(new Error('boom'))]
])('a handler that %s is reported, and its frame answered INTERNAL_ERROR', async (_, handler) => {
	const kernel = await startKernel([claim('broken', handler), claim('next', () => HANDLED)]);
	const ada = await kernel.connect();

	await ada.send({ type: 'x', id: 2 });

	expect(ada.received).toEqual([refusal(2, 'INTERNAL_ERROR')]);
	expect(JSON.stringify(ada.received)).not.toContain('boom');
	expect(takeErrors(kernel)).toEqual(['broken RT_HOOK_FAILED']);
});

test('an answer to a connection that has gone meanwhile is a no-op', async () => {
	let finish!: () => void;
	const kernel = await startKernel([
		claim('slow', () => new Promise<void>((resolve) => (finish = resolve)))
	]);
	const ada = await kernel.connect();
	await ada.send({ type: 'x', id: 2 });
	await ada.leave();

	finish();
	await settle();

	expect(ada.connection.dropped).toBe(1);
});

// --- binary ---

test('a binary frame arrives with its bytes', async () => {
	const seen: unknown[] = [];
	const kernel = await startKernel([
		claim('upload', ({ type, frame, bytes }) => {
			seen.push(type, frame['name'], bytes);
			return HANDLED;
		})
	]);
	const ada = await kernel.connect();
	const message = encodeBinary({ type: 'upload', name: 'a.png' }, Uint8Array.of(1, 2, 3));

	kernel.message(ada.connection, message, message.byteLength);
	await settle();

	expect(seen).toEqual(['upload', 'a.png', Uint8Array.of(1, 2, 3)]);
});

test.each([
	['no bytes', Uint8Array.of()],
	['half a length', Uint8Array.of(0)],
	['a header that is cut off', Uint8Array.of(0, 10, 0x7b)],
	['a header that is no JSON', Uint8Array.of(0, 1, 0x7b)],
	['a header that is no UTF-8', Uint8Array.of(0, 2, 0xff, 0xff)]
])('a binary message with %s is answered INVALID_REQUEST', async (_, message) => {
	const kernel = await startKernel(single());
	const ada = await kernel.connect();

	kernel.message(ada.connection, message, message.byteLength);
	await settle();

	expect(ada.received).toEqual([refusal(null)]);
});

test('a binary frame that nobody claims is answered with its id', async () => {
	const kernel = await startKernel(single());
	const ada = await kernel.connect();
	const message = encodeBinary({ type: 'upload', id: 4 }, Uint8Array.of(1));

	kernel.message(ada.connection, message, message.byteLength);
	await settle();

	expect(ada.received).toEqual([refusal(4)]);
});

import * as v from 'valibot';
import { expect, test } from 'vitest';
import {
	CLOSE,
	CODES,
	definePlugin,
	LIMITS,
	live,
	willReconnect,
	type HookName,
	type RawFrame
} from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { settle, type ReceivedFrame } from 'svelte-realtime/testing';
import { encodeBinary } from '../../kernel/protocol.ts';
import { startKernel } from '../kernel/tracked.ts';
import { codeBlocks, plain, read, tableUnder } from './markdown.ts';

const README = read('kernel/README.md');

/** The id that the connection of the README has. */
const CONNECTION = 'q0eyGCFrkIU_-1';

/** The module that the conversation in the README talks to. */
function chat(): Record<string, unknown> {
	const messages: { id: number; text: string }[] = [];
	return {
		messages: live.stream('chat', () => [...messages]),
		here: live.presence('chat', { state: v.object({ typing: v.boolean() }) }),
		pointers: live.cursors('chat', { data: v.object({ x: v.number(), y: v.number() }) }),
		send: live(v.pipe(v.string(), v.minLength(1, 'Say something.')), (ctx, text) => {
			const message = { id: messages.length + 1, text };
			messages.push(message);
			void ctx.publish('chat', 'created', message);
			return message;
		}),
		topics: live.stream('topics', () => [] as { id: number; name: string }[], {
			delta: {
				version: () => 2,
				diff: () => [
					{ id: 7, name: 'Lua' },
					{ id: 3, _deleted: true }
				]
			}
		}),
		archive: live.stream('archive', ({ cursor }) =>
			cursor === null
				? { data: [{ id: 1 }], hasMore: true, cursor: 1 }
				: { data: [{ id: Number(cursor) + 1 }], hasMore: false }
		),
		avatar: live.binary((_ctx, data, name: string) => `${data.byteLength} bytes of ${name}`),
		dayAfter: live((_ctx, day: Date) => new Date(day.getTime() + 86_400_000))
	};
}

/** A frame with its ids and epochs, which are new each time, replaced. */
function withoutRandom(frame: unknown): unknown {
	return JSON.parse(JSON.stringify(frame), (key, value: unknown) =>
		(key === 'epoch' && value !== 'gone') || key === 'connection' ? key : value
	);
}

/** Whoever connects is Ada. */
const ada = definePlugin({
	name: 'ada',
	setup: (kernel) =>
		void kernel.hook('upgrade', ({ data }) => void (data.user = { id: 'ada', name: 'Ada' }))
});

test('the conversation in the README is the one that a server has', async () => {
	const kernel = await startKernel([...single({ identity: { inBand: true } }), ada]);
	kernel.use('rpc').mount({ chat: chat() });
	const socket = kernel.transport.socket();
	const headers = { 'sec-websocket-protocol': 'svelte-realtime, svelte-realtime.auth.e' };
	const request = { url: '/ws', headers, ip: '127.0.0.1', origin: undefined };
	const answer = await kernel.upgrade(request);
	const connection = kernel.open(socket, (answer as { data: object }).data);
	const { epoch } = (await kernel.use('replay').follow('chat')).head();
	const received: ReceivedFrame[] = [];
	const seen = { client: 0, server: 0 };

	for (const { info, text } of codeBlocks(README)) {
		if (info.startsWith('json client')) {
			const bytes = info.split('+')[1];
			expect(received.splice(0), 'frames that the README does not show').toEqual([]);
			const message = JSON.stringify(
				JSON.parse(text, (key, value: unknown) =>
					key === 'epoch' && value !== 'gone' ? epoch : value
				)
			);
			const sent =
				bytes === undefined
					? message
					: encodeBinary(JSON.parse(message) as RawFrame, new TextEncoder().encode(bytes));
			kernel.message(connection, sent, sent.length);
			await settle();
			seen.client += 1;
		} else if (info.startsWith('json server')) {
			if (info.endsWith('soon')) await kernel.clock.advance(16);
			if (info.endsWith('later')) await kernel.clock.advance(15_000);
			if (info.endsWith('asked')) {
				kernel.use('identity').revoke({ connection }, { mode: 'reauthorise' });
			}
			received.push(
				...socket.sent
					.splice(0)
					.map((sent) => String(sent).replaceAll(connection.id, CONNECTION))
					.map((sent) => JSON.parse(sent) as ReceivedFrame)
			);
			expect(withoutRandom(received.shift())).toEqual(withoutRandom(JSON.parse(text)));
			seen.server += 1;
		}
	}

	expect(received).toEqual([]);
	expect(seen.client).toBeGreaterThanOrEqual(6);
	expect(seen.server).toBeGreaterThanOrEqual(8);
});

test('the README shows every frame that is declared', () => {
	const files = [
		'kernel/protocol.ts',
		'plugins/rpc/frames.ts',
		'plugins/binary/frames.ts',
		'plugins/streams/frames.ts',
		'plugins/presence/frames.ts',
		'plugins/cursors/frames.ts',
		'plugins/identity/frames.ts'
	];
	const declared = files.flatMap((file) => {
		const [, body] = /interface Frames \{\n([\s\S]*?)\n\t?\}\n/.exec(read(file))!;
		const depth = /^\t*/.exec(body!.replace(/^\s*\/\*\*.*\n/, ''))![0].length;
		const field = new RegExp(`^\\t{${depth}}'?([a-z:]+)'?: `, 'gm');
		return [...body!.matchAll(field)].map(([, name]) => name!);
	});
	const shown = codeBlocks(README).flatMap(({ text }) => [...text.matchAll(/"type": "([^"]+)"/g)]);

	expect(declared.length).toBeGreaterThanOrEqual(8);
	expect(new Set(shown.map(([, type]) => type))).toEqual(new Set([...declared, 'subscribe']));
});

test('the table of codes is the code', () => {
	const rows = tableUnder(README, 'code').map(([code, status, again, meaning]) => [
		plain(code),
		{ status: Number(status), retryable: again === 'yes', message: meaning }
	]);

	expect(Object.fromEntries(rows)).toEqual(CODES);
	expect(rows).toHaveLength(Object.keys(CODES).length);
});

test('the table of close codes is the code', () => {
	const closing = README.slice(README.indexOf('A connection is closed with one of these'));
	const rows = tableUnder(closing, 'code').map(([code, name, again]) => [
		plain(name),
		Number(code),
		again === 'yes'
	]);

	expect(rows).toEqual(
		Object.entries(CLOSE).map(([name, code]) => [name, code, willReconnect(code)])
	);
});

test('the table of limits is the code', () => {
	const rows = tableUnder(README, 'limit').map(([name, value]) => [
		plain(name),
		Number(value!.replaceAll(',', ''))
	]);

	expect(Object.fromEntries(rows)).toEqual(LIMITS);
	expect(rows).toHaveLength(Object.keys(LIMITS).length);
});

test('the table of hooks has every hook, with the kind that it has', () => {
	const kinds: Record<HookName, 'gate' | 'wrap' | 'claim' | 'pipe' | 'notice'> = {
		upgrade: 'gate',
		open: 'notice',
		frame: 'wrap',
		message: 'claim',
		subscribe: 'gate',
		subscribed: 'notice',
		unsubscribe: 'notice',
		publish: 'pipe',
		published: 'notice',
		limited: 'notice',
		drain: 'notice',
		close: 'notice',
		ready: 'notice',
		changed: 'notice',
		shutdown: 'notice'
	};
	const rows = tableUnder(README, 'hook').map(([name, kind]) => [plain(name), kind]);

	expect(Object.fromEntries(rows)).toEqual(kinds);
});

test('describe() prints handlers of every hook', async () => {
	const hooks = tableUnder(README, 'hook').map(([name]) => plain(name) as HookName);
	const kernel = await startKernel([
		{
			name: 'all',
			setup: ({ hook }) => {
				for (const name of hooks) hook(name, () => {});
			}
		}
	]);

	for (const name of hooks) expect(kernel.describe()).toContain(`  ${name}: all`);
});

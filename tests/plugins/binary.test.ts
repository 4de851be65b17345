import * as v from 'valibot';
import { expect, test } from 'vitest';
import { live, RealtimeError } from 'svelte-realtime';
import { binaries, serverBinary, type BinaryOptions } from 'svelte-realtime/plugins/binary';
import { ratelimit } from 'svelte-realtime/plugins/ratelimit';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { createTestKernel, settle, type TestConnection } from 'svelte-realtime/testing';
import { decodeBinary, encodeBinary } from '../../kernel/protocol.ts';

const SESSION = 'a-session-that-nobody-guesses';

/** A server with these uploads, and somebody who talks to it frame by frame. */
async function server(exports: Record<string, unknown>, options?: BinaryOptions) {
	const kernel = await createTestKernel([rpc(), ratelimit(), binaries(options)]);
	kernel.mount({ files: exports });
	const held = kernel.use('binary');
	return { kernel, held, enter: async () => speaker(kernel, await kernel.connect()) };
}

function speaker(kernel: Awaited<ReturnType<typeof createTestKernel>>, ada: TestConnection) {
	return {
		...ada,
		/** Opens an upload. */
		open: (id: number, path: string, size: unknown, more: object = {}) =>
			ada.send({ type: 'binary', id, path: `files/${path}`, size, ...more }),
		async chunk(id: unknown, at: unknown, bytes: Uint8Array): Promise<void> {
			const message = encodeBinary({ type: 'binary:chunk', id, at }, bytes);
			kernel.message(ada.connection, message, message.byteLength);
			await settle();
		},
		/** What has come in, without the ids of credits. */
		heard: () => ada.take()
	};
}

const bytes = (size: number, from = 0): Uint8Array =>
	Uint8Array.from({ length: size }, (_, at) => (from + at) % 256);

/** Takes anything, and says how much. */
const size = live.binary((_ctx, data) => data.byteLength);

test('an upload is answered by credit, and once by its result', async () => {
	const { enter, held } = await server({ size });
	const ada = await enter();

	await ada.open(1, 'size', 10);
	expect(held).toMatchObject({ uploads: 1, bytes: 10 });
	await ada.chunk(1, 0, bytes(4));
	await ada.chunk(1, 4, bytes(6, 4));

	expect(ada.heard()).toEqual([
		{ type: 'binary:credit', id: 1, received: 0, until: 10 },
		{ type: 'binary:credit', id: 1, received: 10, until: 10 },
		{ type: 'reply', id: 1, data: 10 }
	]);
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
});

test('the bytes are one piece of memory of their own', async () => {
	let seen: Uint8Array | undefined;
	const keep = live.binary((_ctx, data) => void (seen = data));
	const { enter } = await server({ keep });
	const ada = await enter();

	await ada.open(1, 'keep', 300);
	await ada.chunk(1, 0, bytes(300));

	expect(seen).toEqual(bytes(300));
	expect(seen!.buffer.byteLength).toBe(300);
	expect(seen!.byteOffset).toBe(0);
});

// --- other kinds ---

test('a call to an upload, an upload to a call, and either to a stream are refused', async () => {
	const { enter, held } = await server({ size, say: live(() => 'hello') });
	const ada = await enter();

	await ada.send({ type: 'rpc', id: 1, path: 'files/size', args: ['AAAA'] });
	await ada.open(2, 'say', 4);

	expect(ada.heard()).toMatchObject([
		{ id: 1, error: { code: 'INVALID_REQUEST', message: '"files/size" is an upload.' } },
		{ id: 2, error: { code: 'INVALID_REQUEST', message: '"files/say" is a function.' } }
	]);
	expect(held.uploads).toBe(0);
});

// --- wrappers ---

test('wrappers stand around an upload in any order, and are asked before a byte is taken', async () => {
	const runs: unknown[] = [];
	const schema = v.object({ name: v.pipe(v.string(), v.minLength(2)) });
	const store = live.binary(schema, (_ctx, data, { name }) => {
		runs.push([name, data.byteLength]);
	});
	const limit = { points: 2, window: 10_000 };
	const may = (_ctx: unknown, { name }: { name: string }): boolean => name !== 'no';
	const { enter, held } = await server({
		one: live.rateLimit(limit, live.gate(may, store)),
		other: live.gate(may, live.rateLimit(limit, store))
	});

	for (const path of ['one', 'other']) {
		const ada = await enter();
		await ada.open(1, path, 3, { args: [{ name: 'no' }] });
		await ada.open(2, path, 3, { args: [{ name: 'x' }] });
		await ada.open(3, path, 3, { args: [{ name: 'yes' }] });
		expect(ada.heard()).toMatchObject([
			{ id: 1, error: { code: 'FORBIDDEN' } },
			{ id: 2, error: { code: 'VALIDATION', issues: [{ path: ['name'] }] } },
			{ id: 3, error: { code: 'RATE_LIMITED', retryAfter: expect.any(Number) as unknown } }
		]);
		expect(held.uploads).toBe(0);
	}
	const { enter: again, kernel } = await server({ one: live.gate(may, store) });
	const bob = await again();
	await bob.open(1, 'one', 3, { args: [{ name: 'yes' }] });
	await bob.chunk(1, 0, bytes(3));
	expect(runs).toEqual([['yes', 3]]);
	expect(kernel.errors).toEqual([]);
});

test('without a session uploads are counted by the address, however many connections it has', async () => {
	const store = live.rateLimit(
		{ points: 1, window: 10_000 },
		live.binary(() => 'kept')
	);
	const { enter } = await server({ store });
	const [ada, again] = [await enter(), await enter()];

	await ada.open(1, 'store', 0);
	await again.open(1, 'store', 0);

	expect(ada.heard().at(-1)).toMatchObject({ data: 'kept' });
	expect(again.heard()).toMatchObject([{ error: { code: 'RATE_LIMITED' } }]);
});

test('while a page is rendered an upload says that it cannot be', async () => {
	const upload = serverBinary('files/size');
	const running = upload(new Uint8Array(3));

	expect(running.progress.current).toEqual({ sent: 0, total: 0 });
	running.cancel();
	await expect(running).rejects.toMatchObject({ code: 'RT_STUB_SERVER_CALL' });
	await expect(upload.with({})(new Uint8Array(3))).rejects.toMatchObject({
		code: 'RT_STUB_SERVER_CALL'
	});
});

// --- hostile frames ---

test('a chunk that is nobody’s is not answered, and nothing of it is kept', async () => {
	const { enter, held } = await server({ size, wait: live(() => new Promise<void>(() => {})) });
	const ada = await enter();
	await ada.send({ type: 'rpc', id: 5, path: 'files/wait' });

	await ada.chunk(7, 0, bytes(1000));
	await ada.chunk(5, 0, bytes(1000));
	await ada.chunk('constructor', 0, bytes(10));
	await ada.chunk(null, null, bytes(10));

	expect(ada.heard()).toEqual([]);
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
	await ada.leave();
});

test('a chunk of somebody else’s upload is nobody’s', async () => {
	const { enter, held } = await server({ size });
	const [ada, eve] = [await enter(), await enter()];
	await ada.open(1, 'size', 4);

	await eve.chunk(1, 0, bytes(4, 100));

	expect(held.uploads).toBe(1);
	await ada.chunk(1, 0, bytes(4));
	expect(ada.heard().at(-1)).toMatchObject({ type: 'reply', data: 4 });
});

test.each([
	['bytes are missing', 10, 3, 'INVALID_REQUEST'],
	['more than was announced', 4, 0, 'PAYLOAD_TOO_LARGE'],
	['one byte more', 7, 0, 'PAYLOAD_TOO_LARGE'],
	['an offset that is no number', 10, '0', 'INVALID_REQUEST'],
	['an offset that is no whole number', 10, 0.5, 'INVALID_REQUEST'],
	['no offset', 10, undefined, 'INVALID_REQUEST']
])('%s: the upload is over at once, and the function does not run', async (_, most, at, code) => {
	let runs = 0;
	const count = live.binary(() => (runs += 1));
	const { enter, held } = await server({ count });
	const ada = await enter();
	await ada.open(1, 'count', most);
	ada.heard();

	await ada.chunk(1, at, bytes(8));

	expect(ada.heard()).toMatchObject([{ type: 'reply', id: 1, error: { code } }]);
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
	await ada.chunk(1, 0, bytes(most));
	expect(ada.heard()).toEqual([]);
	expect(runs).toBe(0);
});

test('bytes that came before count once, whatever they are now', async () => {
	let seen: Uint8Array | undefined;
	const keep = live.binary((_ctx, data) => void (seen = data));
	const { enter } = await server({ keep });
	const ada = await enter();
	await ada.open(1, 'keep', 10);

	await ada.chunk(1, 0, bytes(6));
	await ada.chunk(1, 0, bytes(6, 90));
	await ada.chunk(1, 4, bytes(6, 4));

	expect(seen).toEqual(bytes(10));
});

test('who sends beyond the credit is refused, so that no memory is filled', async () => {
	const never = live.binary(async (_ctx, data) => void (await data.getReader().closed), {
		stream: true
	});
	const { enter, held } = await server({ never }, { window: 1000 });
	const ada = await enter();
	await ada.open(1, 'never', 5000);

	await ada.chunk(1, 0, bytes(1000));
	expect(held.bytes).toBe(1000);
	await ada.chunk(1, 1000, bytes(1));

	expect(ada.heard().at(-1)).toMatchObject({ error: { code: 'INVALID_REQUEST' } });
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
});

test.each([[-1], [1.5], ['10'], [null], [undefined], [2 ** 60], [NaN]])(
	'a size of %s is refused',
	async (wrong) => {
		const { enter, held } = await server({ size });
		const ada = await enter();

		await ada.open(1, 'size', wrong);

		expect(ada.heard()).toMatchObject([{ id: 1, error: { code: 'INVALID_REQUEST' } }]);
		expect(held.uploads).toBe(0);
	}
);

test('11 MB are refused before a byte of them is there, and so is a byte more than maxSize', async () => {
	const small = live.binary(() => 'ok', { maxSize: 5 });
	const { enter, held } = await server({ size, small });
	const ada = await enter();

	await ada.open(1, 'size', 11 * 1024 * 1024);
	await ada.open(2, 'small', 6);
	await ada.open(3, 'size', 10 * 1024 * 1024 + 1);

	expect(ada.heard()).toMatchObject([
		{ id: 1, error: { code: 'PAYLOAD_TOO_LARGE' } },
		{ id: 2, error: { code: 'PAYLOAD_TOO_LARGE', message: 'An upload has at most 5 bytes.' } },
		{ id: 3, error: { code: 'PAYLOAD_TOO_LARGE' } }
	]);
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
	await ada.open(4, 'small', 5);
	await ada.chunk(4, 0, bytes(5));
	expect(ada.heard().at(-1)).toMatchObject({ id: 4, data: 'ok' });
});

test('a chunk as text, and one whose header is too long or none, are refused', async () => {
	const { kernel, enter } = await server({ size });
	const ada = await enter();
	await ada.open(1, 'size', 4);
	ada.heard();

	const cut = new Uint8Array([0xff, 0xff, 1, 2]);
	kernel.message(ada.connection, cut, cut.byteLength);
	await settle();
	expect(ada.heard()).toMatchObject([{ id: null, error: { code: 'INVALID_REQUEST' } }]);
	await ada.send({ type: 'binary:chunk', id: 1, at: 0, data: 'AAAA' });
	expect(ada.heard()).toMatchObject([{ id: 1, error: { code: 'INVALID_REQUEST' } }]);
	expect(decodeBinary(cut)).toHaveProperty('malformed');
});

test('an opening frame with bytes behind it is an opening frame', async () => {
	const { kernel, enter } = await server({ size });
	const ada = await enter();
	const frame = { type: 'binary', id: 1, path: 'files/size', size: 4 };
	const message = encodeBinary(frame, bytes(4));

	kernel.message(ada.connection, message, message.byteLength);
	await settle();

	expect(ada.heard()).toEqual([{ type: 'binary:credit', id: 1, received: 0, until: 4 }]);
	await ada.leave();
});

// --- caps ---

test('a client has so many uploads, and bytes, at a time; the next is RATE_LIMITED', async () => {
	const { kernel, enter, held } = await server(
		{ size: live.binary((_ctx, data) => data.byteLength, { maxSize: 100 }) },
		{ uploads: 2, bytes: 150, total: 250 }
	);
	const limited: string[] = [];
	await kernel.add({
		name: 'counting',
		setup: (own) => void own.hook('limited', ({ limit }) => limited.push(limit))
	});
	const [ada, bob] = [await enter(), await enter()];

	await ada.open(1, 'size', 100);
	await ada.open(2, 'size', 100);
	await ada.open(3, 'size', 50);
	await ada.open(4, 'size', 0);
	await bob.open(1, 'size', 100);
	await bob.open(2, 'size', 10);
	const carl = await enter();
	await carl.open(1, 'size', 10);

	const codes = (frames: readonly object[]) =>
		frames.map((frame) => (frame as { error?: { code: string } }).error?.code);
	expect(codes(ada.heard())).toEqual([undefined, 'RATE_LIMITED', undefined, 'RATE_LIMITED']);
	expect(codes(bob.heard())).toEqual([undefined, 'SERVICE_UNAVAILABLE']);
	expect(codes(carl.heard())).toEqual(['SERVICE_UNAVAILABLE']);
	expect(limited).toEqual(['binary.bytes', 'binary.uploads', 'binary.total', 'binary.total']);
	expect(held).toMatchObject({ uploads: 3, bytes: 250 });

	for (const one of [ada, bob, carl]) await one.leave();
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
	const dora = await enter();
	await dora.open(1, 'size', 100);
	await dora.chunk(1, 0, bytes(100));
	expect(dora.heard().at(-1)).toMatchObject({ data: 100 });
});

test('what is announced counts as long as its function runs', async () => {
	let finish = (): void => {};
	const slow = live.binary(() => new Promise<void>((done) => (finish = done)));
	const { enter, held } = await server({ slow });
	const ada = await enter();
	await ada.open(1, 'slow', 10);
	await ada.chunk(1, 0, bytes(10));

	expect(held).toMatchObject({ uploads: 1, bytes: 10 });
	finish();
	await settle();
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
});

test('an upload that could never be taken keeps its module from being mounted', async () => {
	const { kernel } = await server({ size }, { bytes: 20 * 1024 * 1024 });
	const huge = { maxSize: 30 * 1024 * 1024 };

	expect(() => kernel.mount({ files: { huge: live.binary(() => {}, huge) } })).toThrow(
		RealtimeError
	);
	kernel.mount({ files: { huge: live.binary(() => {}, { ...huge, stream: true }) } });
});

test.each([
	[{ uploads: 0 }],
	[{ bytes: -1 }],
	[{ total: 1.5 }],
	[{ window: 0 }],
	[{ idle: 0 }],
	[{ idle: 2 ** 31 }]
])('the options %o are refused', (options) => {
	expect(() => binaries(options)).toThrow(/RT_OPTION_INVALID/);
});

test('what is no function, no schema and no option is refused where it is written', () => {
	expect(() => live.binary('x' as never)).toThrow(/RT_LIVE_ARGUMENTS/);
	expect(() => live.binary({} as never, () => {})).toThrow(/RT_LIVE_ARGUMENTS/);
	expect(() => live.binary(() => {}, { maxSize: 0 })).toThrow(/RT_OPTION_INVALID/);
	expect(() => live.binary(() => {}, { stream: 1 as never })).toThrow(/RT_OPTION_INVALID/);
});

// --- ends ---

test('an upload that stalls is ended with TIMEOUT, however little it goes on to send', async () => {
	const { kernel, enter, held } = await server({ size }, { window: 1000, idle: 5000 });
	const ada = await enter();
	await ada.open(1, 'size', 10_000);

	for (let at = 0; at < 4; at += 1) {
		await kernel.clock.advance(1000);
		await ada.chunk(1, at, bytes(1));
	}
	expect(held.uploads).toBe(1);
	await kernel.clock.advance(1000);

	expect(ada.heard().at(-1)).toMatchObject({ id: 1, error: { code: 'TIMEOUT' } });
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
});

test('half a window in time is headway', async () => {
	const { kernel, enter } = await server({ size }, { window: 1000, idle: 5000 });
	const ada = await enter();
	await ada.open(1, 'size', 2000);

	for (let at = 0; at < 2000; at += 500) {
		await kernel.clock.advance(4999);
		await ada.chunk(1, at, bytes(500));
	}

	expect(ada.heard().at(-1)).toMatchObject({ id: 1, data: 2000 });
});

test('a reader that takes its time is not the client’s stall', async () => {
	let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
	const slow = live.binary(
		async (_ctx, data) => {
			reader = data.getReader();
			await reader.closed;
			return 'read';
		},
		{ stream: true }
	);
	const { kernel, enter } = await server({ slow }, { window: 1000, idle: 5000 });
	const ada = await enter();
	await ada.open(1, 'slow', 1500);
	await ada.chunk(1, 0, bytes(1000));

	await kernel.clock.advance(60_000);
	await reader!.read();
	await settle();
	await ada.chunk(1, 1000, bytes(500));
	while (!(await reader!.read()).done);
	await settle();

	expect(ada.heard().at(-1)).toMatchObject({ id: 1, data: 'read' });
});

test('cancelled by its client, an upload ends, and what is on its way is nobody’s', async () => {
	let runs = 0;
	const { enter, held } = await server({ count: live.binary(() => (runs += 1)) });
	const ada = await enter();
	await ada.open(1, 'count', 10);
	await ada.chunk(1, 0, bytes(5));

	await ada.send({ type: 'rpc:cancel', id: 1 });
	await ada.chunk(1, 5, bytes(5));

	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
	expect(runs).toBe(0);
});

test('a page that is closed takes its uploads with it', async () => {
	const { enter, held } = await server({ size });
	const ada = await enter();
	await ada.send({ type: 'rpc:session', session: SESSION });
	await ada.open(1, 'size', 10);
	expect(held.uploads).toBe(1);

	await ada.leave(1001);

	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
});

test('at shutdown a function that reads is told that there is no more', async () => {
	let seen: unknown;
	const read = live.binary(
		async (_ctx, data) => {
			await data
				.getReader()
				.read()
				.catch((error: unknown) => (seen = error));
		},
		{ stream: true }
	);
	const { kernel, enter, held } = await server({ read, size });
	const ada = await enter();
	await ada.send({ type: 'rpc:session', session: SESSION });
	await ada.open(1, 'read', 10);
	await ada.open(2, 'size', 10);

	await kernel.end();

	expect(seen).toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
});

test('a function that fails is answered as a call is, and its room is given back', async () => {
	const fails = live.binary(() => {
		throw new Error('disk full');
	});
	const { kernel, enter, held } = await server({ fails });
	const ada = await enter();
	await ada.open(1, 'fails', 1);
	await ada.chunk(1, 0, bytes(1));

	expect(ada.heard().at(-1)).toMatchObject({ id: 1, error: { code: 'INTERNAL_ERROR' } });
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
	expect(kernel.errors.map(({ error }) => String(error))).toEqual(['Error: disk full']);
	(kernel.errors as unknown[]).length = 0;
});

// --- sessions ---

test('an upload that is asked for again says where it stands; once it is over, what it came to', async () => {
	let runs = 0;
	const { kernel, enter } = await server({ count: live.binary(() => (runs += 1)) });
	const ada = await enter();
	await ada.send({ type: 'rpc:session', session: SESSION });
	await ada.open(1, 'count', 10);
	await ada.chunk(1, 0, bytes(6));
	await ada.leave(1006);

	const again = speaker(kernel, await kernel.connect());
	await again.send({ type: 'rpc:session', session: SESSION, last: 1 });
	await again.open(1, 'count', 10, { again: true });
	expect(again.heard()).toEqual([{ type: 'binary:credit', id: 1, received: 6, until: 10 }]);
	await again.chunk(1, 6, bytes(4, 6));
	expect(again.heard().at(-1)).toMatchObject({ id: 1, data: 1 });

	await again.open(1, 'count', 10, { again: true });
	expect(again.heard()).toEqual([{ type: 'reply', id: 1, data: 1 }]);
	expect(runs).toBe(1);
});

// --- streams ---

test('a function with a stream begins with the first byte, and reads at its own pace', async () => {
	const read: number[] = [];
	const steps: (() => void)[] = [];
	const slow = live.binary(
		async (_ctx, data) => {
			for await (const chunk of data) {
				read.push(chunk.byteLength);
				await new Promise<void>((done) => steps.push(done));
			}
			return read.length;
		},
		{ stream: true }
	);
	const { enter, held } = await server({ slow }, { window: 1000 });
	const ada = await enter();
	await ada.open(1, 'slow', 4000);
	expect(held.bytes).toBe(1000);

	await ada.chunk(1, 0, bytes(500));
	expect(read).toEqual([500]);
	await ada.chunk(1, 500, bytes(500));
	expect(ada.heard()).toEqual([
		{ type: 'binary:credit', id: 1, received: 0, until: 1000 },
		{ type: 'binary:credit', id: 1, received: 500, until: 1500 }
	]);
	await ada.chunk(1, 1000, bytes(500));
	// Two wait to be read: no credit before they are.
	expect(ada.heard()).toEqual([]);
	for (const step of steps.splice(0)) step();
	await settle();

	expect(ada.heard()).toEqual([{ type: 'binary:credit', id: 1, received: 1500, until: 2000 }]);
	for (let at = 1500; at < 4000; at += 500) {
		await ada.chunk(1, at, bytes(500));
		for (const step of steps.splice(0)) step();
		await settle();
	}
	for (let turn = 0; turn < 8; turn += 1) {
		for (const step of steps.splice(0)) step();
		await settle();
	}
	expect(ada.heard().at(-1)).toMatchObject({ type: 'reply', data: 8 });
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
});

test('a stream that is broken off fails for its reader, with the reason', async () => {
	const seen: unknown[] = [];
	const careful = live.binary(
		async (_ctx, data) => {
			try {
				for await (const chunk of data) seen.push(chunk.byteLength);
			} catch (error) {
				seen.push((error as { code: string }).code);
			}
			return 'all is well';
		},
		{ stream: true }
	);
	const { kernel, enter, held } = await server({ careful }, { idle: 5000 });
	const ada = await enter();

	await ada.open(1, 'careful', 10);
	await ada.chunk(1, 0, bytes(5));
	await ada.send({ type: 'rpc:cancel', id: 1 });
	await ada.open(2, 'careful', 10);
	await kernel.clock.advance(5000);

	expect(seen).toEqual([5, 'STALE', 'TIMEOUT']);
	// That it has caught the error does not make the upload whole.
	expect(ada.heard().at(-1)).toMatchObject({ id: 2, error: { code: 'TIMEOUT' } });
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
});

test('a function that has read enough is answered, and nothing more is kept', async () => {
	const head = live.binary(
		async (_ctx, data) => {
			for await (const chunk of data) return chunk[0];
			return undefined;
		},
		{ stream: true }
	);
	const { enter, held } = await server({ head });
	const ada = await enter();
	await ada.open(1, 'head', 1000);

	await ada.chunk(1, 0, bytes(10, 7));
	await ada.chunk(1, 10, bytes(10));

	expect(ada.heard().at(-1)).toMatchObject({ type: 'reply', data: 7 });
	expect(held).toMatchObject({ uploads: 0, bytes: 0 });
});

test('an empty stream ends at once', async () => {
	const count = live.binary(
		async (_ctx, data) => {
			let chunks = 0;
			for await (const _ of data) chunks += 1;
			return chunks;
		},
		{ stream: true }
	);
	const { enter } = await server({ count });
	const ada = await enter();

	await ada.open(1, 'count', 0);

	expect(ada.heard().at(-1)).toMatchObject({ type: 'reply', data: 0 });
});

import * as v from 'valibot';
import { expect, test } from 'vitest';
import { live, type LiveContext } from 'svelte-realtime';
import type { UploadFunction, UploadProgress } from 'svelte-realtime/client';
import { settle } from 'svelte-realtime/testing';
import { decodeBinary } from '../../kernel/protocol.ts';
import { arrive, bench } from './fake-server.ts';
import { network, type Network } from './network.ts';

type Store = UploadFunction<unknown[], { size: number; sum: number; name: string }>;

/** Bytes that tell where they are from. */
function bytes(size: number): Uint8Array<ArrayBuffer> {
	return Uint8Array.from({ length: size }, (_, at) => (at * 7 + (at >> 8)) % 251);
}

function sumOf(data: Uint8Array): number {
	return data.reduce((sum, byte, at) => (sum * 31 + byte + at) % 1_000_003, 0);
}

/** A module that keeps what it was handed. */
function files() {
	const runs: { name: string; size: number; sum: number }[] = [];
	const store = live.binary((_ctx, data, name: string) => {
		const run = { name, size: data.byteLength, sum: sumOf(data) };
		runs.push(run);
		return run;
	});
	return { runs, modules: { files: { store } } };
}

/** Lets the messages of a test pass, however many there are. */
async function passed(net: Network): Promise<void> {
	for (let before = -1; before !== net.messages.length; await settle())
		before = net.messages.length;
}

test('an upload of many chunks arrives as it was, with the arguments and a result', async () => {
	const { runs, modules } = files();
	const net = await network(modules);
	const store = net.client().binary<Store>('files/store');
	const data = bytes(300_000);

	const result = await store(data, 'a.bin');

	expect(result).toEqual({ name: 'a.bin', size: 300_000, sum: sumOf(data) });
	expect(runs).toHaveLength(1);
	expect(net.kernel.use('binary')).toMatchObject({ uploads: 0, bytes: 0 });
});

test('a Blob, an ArrayBuffer and a view of a part are uploaded as the bytes that they are', async () => {
	const { modules } = files();
	const net = await network(modules);
	const store = net.client().binary<Store>('files/store');
	const data = bytes(200_000);

	const results = await Promise.all([
		store(new Blob([data]), 'blob'),
		store(data.buffer, 'buffer'),
		store(new DataView(data.buffer, 100, 50_000), 'view'),
		store(new Uint8Array(0), 'nothing')
	]);

	expect(results).toEqual([
		{ name: 'blob', size: 200_000, sum: sumOf(data) },
		{ name: 'buffer', size: 200_000, sum: sumOf(data) },
		{ name: 'view', size: 50_000, sum: sumOf(data.subarray(100, 50_100)) },
		{ name: 'nothing', size: 0, sum: 0 }
	]);
});

test('a Blob is read piece by piece, never more of it than the window', async () => {
	const { modules } = files();
	const net = await network(modules);
	const read: [from: number, to: number][] = [];
	class Watched extends Blob {
		override slice(from: number, to: number): Blob {
			read.push([from, to]);
			return super.slice(from, to);
		}
		override arrayBuffer(): Promise<ArrayBuffer> {
			throw new Error('It is read as a whole.');
		}
	}

	await net.client().binary<Store>('files/store')(new Watched([bytes(500_000)]), 'big');

	expect(read.length).toBeGreaterThan(4);
	expect(Math.max(...read.map(([from, to]) => to - from))).toBeLessThanOrEqual(131_072);
	expect(read.at(-1)![1]).toBe(500_000);
});

test('progress is what the server has received, from nothing to all of it', async () => {
	const { modules } = files();
	const net = await network(modules);
	const store = net.client().binary<Store>('files/store');
	const seen: UploadProgress[] = [];
	const heard: UploadProgress[] = [];

	const upload = store.with({ onProgress: (progress) => heard.push(progress) })(
		bytes(400_000),
		'a'
	);
	upload.progress.subscribe((progress) => seen.push(progress));
	await upload;

	expect(seen[0]).toEqual({ sent: 0, total: 400_000 });
	expect(seen.at(-1)).toEqual({ sent: 400_000, total: 400_000 });
	expect(upload.progress.current).toEqual(seen.at(-1));
	expect(seen.length).toBeGreaterThan(5);
	expect(seen).toEqual(seen.toSorted((one, other) => one.sent - other.sent));
	expect(heard).toEqual(seen);
});

test('no more than the window is on its way: a server that says nothing is sent 128 KiB', async () => {
	const { modules } = files();
	const net = await network(modules);
	const store = net.client().binary<Store>('files/store');
	// The first credit arrives, no other.
	net.fate = (index) =>
		net.messages[index]!.includes('binary:credit') &&
		!net.messages[index]!.includes('"received":0,')
			? 'lost'
			: 'arrives';

	const upload = store(bytes(1_000_000), 'a').catch((error: Error) => error);
	await passed(net);
	const first = net.messages.findIndex((message) => message.includes('"received":6'));
	const chunks = net.messages.slice(0, first).filter((message) => message.includes('chunk'));

	expect(chunks.length).toBeLessThanOrEqual(9);
	net.fate = () => 'arrives';
	await net.clock.advance(2000);
	await passed(net);
	expect(await upload).toMatchObject({ size: 1_000_000 });
});

test('other calls are answered between the chunks of an upload', async () => {
	const { modules } = files();
	const order: string[] = [];
	const ping = live(() => order.push('ping'));
	const net = await network({ ...modules, other: { ping } });
	const client = net.client();

	const upload = client
		.binary<Store>('files/store')(bytes(2_000_000), 'a')
		.then(() => order.push('upload'));
	for (let i = 0; i < 5; i += 1) await client.call('other/ping')();
	await upload;

	expect(order).toEqual(['ping', 'ping', 'ping', 'ping', 'ping', 'upload']);
});

test('an upload that is cancelled rejects with an AbortError, is let go of, and never runs', async () => {
	const { runs, modules } = files();
	const net = await network(modules);
	const upload = net.client().binary<Store>('files/store')(bytes(1_000_000), 'a');
	const outcome = upload.catch((error: Error) => error);
	upload.progress.subscribe(({ sent }) => {
		if (sent > 100_000) upload.cancel();
	});
	await passed(net);

	expect(await outcome).toMatchObject({ name: 'AbortError' });
	expect(runs).toEqual([]);
	expect(net.kernel.use('binary')).toMatchObject({ uploads: 0, bytes: 0 });
	const sent = net.messages.filter((message) => message.includes('chunk'));
	expect(sent.length).toBeLessThan(30);
});

test('a signal gives an upload up with its reason, also before it has begun', async () => {
	const { runs, modules } = files();
	const net = await network(modules);
	const store = net.client().binary<Store>('files/store');
	const controller = new AbortController();

	const upload = store.with({ signal: controller.signal })(bytes(500_000), 'a');
	const outcome = upload.catch((error: unknown) => error);
	controller.abort('enough');
	const late = store.with({ signal: controller.signal })(bytes(10), 'b');

	expect(await outcome).toBe('enough');
	expect(await late.catch((error: unknown) => error)).toBe('enough');
	await passed(net);
	expect(runs).toEqual([]);
});

test('the timeout is without news: an upload that takes ten times as long is not ended', async () => {
	const slow = live.binary(
		async (ctx, data) => {
			let size = 0;
			for await (const chunk of data) {
				size += chunk.byteLength;
				if (size % 5 === 0) await new Promise<void>((done) => ticks.push(done));
			}
			return size;
		},
		{ stream: true }
	);
	const ticks: (() => void)[] = [];
	const net = await network({ files: { slow } });
	const upload = net.client({ heartbeat: 0 }).binary('files/slow');
	let result: unknown;
	void upload
		.with({ timeout: 1000 })(bytes(2_000_000))
		.then((size) => (result = size));

	let waits = 0;
	for (; result === undefined && waits < 200; waits += 1) {
		await passed(net);
		await net.clock.advance(200);
		for (const go of ticks.splice(0)) go();
	}

	expect(result).toBe(2_000_000);
	expect(waits).toBeGreaterThan(20);
});

test('an upload that the server never answers times out, and is cancelled there', async () => {
	let isAborted = false;
	const heeds = live.binary(
		(ctx) =>
			new Promise<void>((done) =>
				ctx.abortSignal.addEventListener('abort', () => {
					isAborted = true;
					done();
				})
			)
	);
	const net = await network({ files: { heeds } });
	const outcome = net
		.client({ heartbeat: 0 })
		.binary('files/heeds')(bytes(10))
		.catch((error: Error) => error);

	await passed(net);
	await net.clock.advance(30_000);
	await passed(net);

	expect(await outcome).toMatchObject({ code: 'TIMEOUT' });
	expect(isAborted).toBe(true);
	expect(net.kernel.use('binary')).toMatchObject({ uploads: 0, bytes: 0 });
});

test('what is no bytes is refused before anything is sent', async () => {
	const { modules } = files();
	const net = await network(modules);
	const store = net.client().binary<Store>('files/store');

	await expect(store('text' as never, 'a')).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
	expect(net.messages).toEqual([]);
});

test('a file that cannot be read any more fails the upload with the reason', async () => {
	const { runs, modules } = files();
	const net = await network(modules);
	class Gone extends Blob {
		override slice(): Blob {
			return Object.assign(new Blob(), { arrayBuffer: () => Promise.reject(new Error('gone')) });
		}
	}

	const outcome = net.client().binary<Store>('files/store')(new Gone([bytes(5000)]), 'a');

	await expect(outcome).rejects.toThrow('gone');
	await passed(net);
	expect(runs).toEqual([]);
	expect(net.kernel.use('binary')).toMatchObject({ uploads: 0 });
});

test('a client that has closed for good uploads nothing', async () => {
	const { modules } = files();
	const net = await network(modules);
	const client = net.client();
	client.close();

	await expect(client.binary<Store>('files/store')(bytes(5), 'a')).rejects.toMatchObject({
		code: 'CONNECTION_CLOSED'
	});
});

// --- cuts ---

test('wherever the connection is cut, the bytes arrive as they were and the function runs once', async () => {
	const data = bytes(200_000);
	const { modules: probe } = files();
	const whole = await network(probe);
	await whole.client().binary<Store>('files/store')(data, 'a');
	const count = whole.messages.length;
	const fates = ['lost', 'late'] as const;

	for (let at = 0; at < count; at += 1) {
		for (const fate of fates) {
			const { runs, modules } = files();
			const net = await network(modules);
			net.fate = (index) => (index === at ? fate : 'arrives');
			const client = net.client();
			const upload = client.binary<Store>('files/store')(data, 'a');
			let result: unknown;
			upload.then(
				(value) => (result = value),
				(error: unknown) => (result = error)
			);
			await passed(net);
			for (let turn = 0; result === undefined && turn < 5; turn += 1) {
				await net.clock.advance(1000);
				await passed(net);
			}

			expect({ at, fate, result, runs }).toEqual({
				at,
				fate,
				result: { name: 'a', size: 200_000, sum: sumOf(data) },
				runs: [{ name: 'a', size: 200_000, sum: sumOf(data) }]
			});
			expect(net.kernel.use('binary')).toMatchObject({ uploads: 0, bytes: 0 });
			client.close();
			await net.kernel.end();
		}
	}
});

test('after a break an upload goes on where the server stands', async () => {
	const { modules } = files();
	const net = await network(modules);
	const data = bytes(1_000_000);
	const upload = net.client().binary<Store>('files/store')(data, 'a');
	let isCut = false;
	upload.progress.subscribe(({ sent }) => {
		if (sent < 500_000 || isCut) return;
		isCut = true;
		net.cut();
	});
	await passed(net);
	const before = net.messages.length;
	await net.clock.advance(1000);
	await passed(net);

	expect(await upload).toMatchObject({ size: 1_000_000, sum: sumOf(data) });
	const offsets = net.messages
		.slice(before)
		.filter((message) => message.includes('chunk'))
		.map((message) => (JSON.parse(message) as { at: number }).at);
	expect(Math.min(...offsets)).toBeGreaterThanOrEqual(500_000);
	expect(upload.progress.current.sent).toBe(1_000_000);
});

test('what was read of a file for a connection that is gone is not sent on the next one', async () => {
	const { client, clock, open } = bench({ heartbeat: 0 });
	const data = bytes(400);
	const reads: (() => void)[] = [];
	class Slow extends Blob {
		override slice(from: number, to: number): Blob {
			const read = new Promise<void>((done) => reads.push(done));
			const arrayBuffer = () => read.then(() => data.slice(from, to).buffer);
			return Object.assign(new Blob(), { arrayBuffer });
		}
	}
	const upload = client.binary('files/store')(new Slow([data]));
	const first = await open();
	await arrive(first, { type: 'binary:credit', id: 1, received: 0, until: 100 });
	reads.shift()!();
	await arrive(first, { type: 'binary:credit', id: 1, received: 0, until: 200 });
	first.end();
	await clock.advance(1000);
	const second = await open();
	// Nothing of the first piece has come through, and the second one is still being read.
	await arrive(second, { type: 'binary:credit', id: 1, received: 0, until: 200 });
	for (const read of reads.splice(0)) read();
	await settle();
	for (const read of reads.splice(0)) read();
	await settle();

	const chunks = second.messages.flatMap((message: unknown) =>
		message instanceof Uint8Array ? [decodeBinary(message)] : []
	);
	expect(chunks).toMatchObject([{ frame: { at: 0 }, bytes: data.slice(0, 200) }]);
	second.deliver({ type: 'reply', id: 1, data: 'kept' });
	expect(await upload).toBe('kept');
});

test('a server that has been replaced does not run an upload that the one before may have run', async () => {
	const { runs, modules } = files();
	const net = await network(modules);
	const upload = net.client().binary<Store>('files/store')(bytes(1_000_000), 'a');
	const outcome = upload.catch((error: Error) => error);
	let restarted: Promise<void> | undefined;
	upload.progress.subscribe(({ sent }) => {
		if (sent > 200_000) restarted ??= net.restart();
	});
	await passed(net);
	await restarted;
	await net.clock.advance(1000);
	await passed(net);

	expect(await outcome).toMatchObject({ code: 'UNKNOWN_OUTCOME' });
	expect(runs).toEqual([]);
});

test('who does not come back is let go of when the upload has stood still', async () => {
	const { runs, modules } = files();
	const net = await network(modules);
	const client = net.client();
	const upload = client.binary<Store>('files/store')(bytes(1_000_000), 'a');
	const outcome = upload.catch((error: Error) => error);
	upload.progress.subscribe(({ sent }) => {
		if (sent > 200_000) client.close();
	});
	await passed(net);

	expect(await outcome).toMatchObject({ code: 'CONNECTION_CLOSED' });
	expect(net.kernel.use('binary').uploads).toBe(1);
	await net.clock.advance(0);
	await net.kernel.clock.advance(60_000);
	expect(net.kernel.use('binary')).toMatchObject({ uploads: 0, bytes: 0 });
	expect(runs).toEqual([]);
});

// --- authorisation ---

test('who may not upload is refused before a byte is sent', async () => {
	const runs: unknown[] = [];
	const closed = live.gate(
		(ctx: LiveContext, name: string) => name === 'open',
		live.binary((_ctx, data, name: string) => runs.push(name))
	);
	const named = live.binary(v.pipe(v.string(), v.minLength(3)), (_ctx, data, name) => {
		runs.push([name, data.byteLength]);
	});
	const net = await network({ files: { closed, named } });
	const client = net.client();

	await expect(client.binary('files/closed')(bytes(50_000), 'x')).rejects.toMatchObject({
		code: 'FORBIDDEN'
	});
	await expect(client.binary('files/named')(bytes(50_000), 'x')).rejects.toMatchObject({
		code: 'VALIDATION',
		issues: [{ path: [] }]
	});
	await expect(client.binary('files/none')(bytes(50_000))).rejects.toMatchObject({
		code: 'NOT_FOUND'
	});
	expect(net.messages.filter((message) => message.includes('chunk'))).toEqual([]);

	await client.binary('files/closed')(bytes(10), 'open');
	await client.binary('files/named')(bytes(20), 'long');
	expect(runs).toEqual(['open', ['long', 20]]);
});

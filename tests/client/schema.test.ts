import { live } from 'svelte-realtime';
import type { Seed, StreamStore } from 'svelte-realtime/client';
import { serverStream } from 'svelte-realtime/plugins/streams';
import { settle } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { takeErrors } from '../kernel/tracked.ts';
import { arrive, bench, snapshot } from './fake-server.ts';
import { network } from './network.ts';

interface Item {
	readonly id: number;
	readonly text: string;
}

const migrate = { 1: ({ id, text }: Item) => ({ id, title: text }) };

test('a stub says in every question which version its page was built for', async () => {
	const { client, clock, open } = bench();
	client.stream('notes@3').subscribe(() => {});
	const socket = await open();
	await arrive(socket, snapshot(socket.frames[0]!.id, [], 4));
	socket.end();
	await clock.advance(1000);
	const again = await open();

	expect(socket.of('stream')).toEqual([expect.objectContaining({ path: 'notes@3' })]);
	expect(again.of('stream')).toEqual([
		expect.objectContaining({ path: 'notes@3', since: { epoch: 'e', seq: 4 } })
	]);
});

test('a page that nothing can be sent to says so, keeps what it shows and does not ask again', async () => {
	const list = live.stream('list', (): Item[] => [{ id: 1, text: 'a' }], {
		version: 2,
		migrate: {
			1: (item: Item) => {
				if (item.id === 2) throw new Error('no');
				return migrate[1](item);
			}
		}
	});
	const net = await network({ m: { list } });
	const store = net.client().stream<StreamStore<unknown[]>>('m/list@1');
	const values: unknown[] = [];
	store.subscribe((value) => void values.push(value));
	await settle();

	void net.kernel.publish('list', 'created', { id: 2, text: 'b' });
	await settle();
	const messages = net.messages.length;
	await net.clock.advance(15_000);

	expect(store.error).toMatchObject({ code: 'STALE', message: expect.stringContaining('reload') });
	expect(store.current).toEqual([{ id: 1, title: 'a' }]);
	expect(store.connected).toBe(false);
	expect(net.messages.slice(messages)).toEqual([]);
	expect(takeErrors(net.kernel)).toEqual(['streams RT_STREAM_MIGRATE']);
});

test('a page that is newer than its server goes on when the server is as new', async () => {
	const modules: { m: Record<string, unknown> } = {
		m: { list: live.stream('list', () => [{ id: 1 }]) }
	};
	const net = await network(modules);
	const store = net.client().stream<StreamStore<unknown[]>>('m/list@2');
	store.subscribe(() => {});
	await settle();
	const before = [store.error?.code, store.current];
	const said = store.error?.message;

	modules.m = { list: live.stream('list', () => [{ id: 1, text: 'a' }], { version: 2 }) };
	await net.restart();
	await net.clock.advance(5000);

	expect(before).toEqual(['STALE', undefined]);
	expect(said).toContain('newer than its server');
	expect(store.error).toBeUndefined();
	expect(store.current).toEqual([{ id: 1, text: 'a' }]);
});

/** What a server render of `m/list` by this path hands to the page. */
async function rendered(net: Awaited<ReturnType<typeof network>>, path: string): Promise<Seed> {
	const app = Symbol.for('svelte-realtime.app') as never;
	Object.assign(globalThis, { [app]: { kernel: net.kernel } });
	try {
		const url = new URL('http://localhost/');
		const event = { request: new Request(url), url, getClientAddress: () => '127.0.0.1' };
		return JSON.parse(JSON.stringify(await serverStream(path).load(event))) as Seed;
	} finally {
		delete (globalThis as Record<symbol, unknown>)[app];
	}
}

test('a page goes on from what its own build has rendered, and loads nothing', async () => {
	let loads = 0;
	const load = (): Item[] => ((loads += 1), [{ id: 1, text: 'a' }]);
	const net = await network({ m: { list: live.stream('list', load, { version: 2, migrate }) } });

	const seed = await rendered(net, 'm/list@2');
	const store = net.client().stream('m/list@2').hydrate(seed);
	const atOnce = store.current;
	store.subscribe(() => {});
	await settle();

	expect(seed.path).toBe('m/list@2');
	expect(atOnce).toEqual([{ id: 1, text: 'a' }]);
	expect(store.connected).toBe(true);
	expect(loads).toBe(1);
});

test.each(['m/list@1', 'm/list'])(
	'%s of an older build shows nothing of what a newer one has rendered, and loads its own',
	async (path) => {
		const list = live.stream('list', () => [{ id: 1, text: 'a' }], { version: 2, migrate });
		const net = await network({ m: { list } });

		const store = net
			.client()
			.stream(path)
			.hydrate(await rendered(net, path));
		const seen: unknown[] = [];
		store.subscribe((value) => void seen.push(value));
		await settle();

		expect(seen).toEqual([undefined, [{ id: 1, title: 'a' }]]);
	}
);

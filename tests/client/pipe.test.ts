import { live, pipe } from 'svelte-realtime';
import type { StreamStore } from 'svelte-realtime/client';
import { settle } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { network } from './network.ts';

interface Row {
	readonly id: number;
	readonly rank: number;
	readonly open?: boolean;
}

async function calm(): Promise<void> {
	for (let tick = 0; tick < 20; tick += 1) await settle();
}

function ranked(count: number) {
	let loads = 0;
	let rows: readonly Row[] = Array.from({ length: count }, (_, id) => ({ id, rank: id }));
	const load = (): readonly Row[] => {
		loads += 1;
		return rows;
	};
	return {
		load,
		get loads() {
			return loads;
		},
		get rows() {
			return rows;
		},
		remove: (id: number): void => void (rows = rows.filter((row) => row.id !== id)),
		put: (row: Row): void => void (rows = [...rows.filter(({ id }) => id !== row.id), row])
	};
}

test('a list with a limit is loaded again only when it has lost ten of its items, and is never short', async () => {
	const table = ranked(40);
	const best = pipe(live.stream('rows', table.load), pipe.sort('rank', 'desc'), pipe.limit(2));
	const net = await network({ m: { best } });
	const client = net.client();
	const list = client.stream<StreamStore<Row[]>>('m/best');
	const lengths = new Set<number | undefined>();
	const stop = list.subscribe((value) => void lengths.add(value?.length));
	await calm();

	const loads: number[] = [];
	for (let id = 39; id > 19; id -= 1) {
		table.remove(id);
		void net.kernel.publish('rows', 'deleted', { id });
		await calm();
		await net.kernel.clock.advance(3000);
		await calm();
		loads.push(table.loads);
		expect(list.current!.map((row) => row.id)).toEqual([id - 1, id - 2]);
	}

	expect(lengths).toEqual(new Set([undefined, 2]));
	expect([loads[8], loads[9], loads[18], loads[19]]).toEqual([1, 2, 2, 3]);
	stop();
	client.close();
});

test('an item that falls behind what is known is not shown where it does not belong', async () => {
	const table = ranked(40);
	const best = pipe(live.stream('rows', table.load), pipe.sort('rank', 'desc'), pipe.limit(2));
	const net = await network({ m: { best } });
	const client = net.client();
	const list = client.stream<StreamStore<Row[]>>('m/best');
	const stop = list.subscribe(() => {});
	await calm();

	for (let id = 39; id > 27; id -= 1) {
		const row = { id, rank: -id };
		table.put(row);
		void net.kernel.publish('rows', 'updated', row);
	}
	await calm();
	await net.kernel.clock.advance(3000);
	await calm();

	expect(list.current!.map((row) => row.id)).toEqual([27, 26]);
	stop();
	client.close();
});

test('a rendered page goes on from what it shows', async () => {
	const table = ranked(40);
	const best = pipe(live.stream('rows', table.load), pipe.sort('rank', 'desc'), pipe.limit(2));
	const net = await network({ m: { best } });
	const request = { url: '/', headers: {}, ip: '::1', origin: 'http://test' };
	const seed = await net.kernel.use('streams').load('m/best', [], request);
	const client = net.client();
	const list = client.stream('m/best').hydrate(seed) as StreamStore<Row[]>;
	const stop = list.subscribe(() => {});
	await calm();
	expect(list.current!.map(({ id }) => id)).toEqual([39, 38]);
	expect(table.loads).toBe(1);

	table.remove(39);
	void net.kernel.publish('rows', 'deleted', { id: 39 });
	await calm();
	await net.kernel.clock.advance(3000);
	await calm();

	expect(list.current!.map(({ id }) => id)).toEqual([38, 37]);
	stop();
	client.close();
});

test('what is shown before it is confirmed takes its place in the order, and goes when the server has it', async () => {
	const table = ranked(4);
	const open = pipe(
		live.stream('rows', table.load),
		pipe.filter(({ open: isOpen }) => isOpen !== false),
		pipe.sort('rank', 'desc')
	);
	const net = await network({ m: { open } });
	const client = net.client();
	const list = client.stream<StreamStore<Row[]>>('m/open');
	const stop = list.subscribe(() => {});
	await calm();

	list.optimistic('updated', { id: 1, rank: 9 });
	list.optimistic('updated', { id: 2, rank: 2 });
	await calm();
	const shown = list.current!.map(({ id }) => id);
	void net.kernel.publish('rows', 'updated', { id: 1, rank: 2.5 });
	void net.kernel.publish('rows', 'updated', { id: 2, rank: 2, open: false });
	await calm();

	expect(shown).toEqual([1, 3, 2, 0]);
	expect(list.current!.map(({ id }) => id)).toEqual([3, 1, 0]);
	stop();
	client.close();
});

test('the latest items are filtered, also one that takes the place of another', async () => {
	const latest = pipe(
		live.stream('rows', null, { merge: 'latest', max: 3 }),
		pipe.filter((row) => (row as Row).open !== false)
	);
	const net = await network({ m: { latest } });
	const client = net.client();
	const list = client.stream<StreamStore<Row[]>>('m/latest');
	const stop = list.subscribe(() => {});
	await calm();

	for (let id = 0; id < 5; id += 1) void net.kernel.publish('rows', 'said', { id, rank: 0 });
	void net.kernel.publish('rows', 'said', { id: 3, rank: 1, open: false });
	await calm();
	const shown = list.current!.map(({ id }) => id);
	net.cut();
	await net.clock.advance(5000);
	await calm();

	expect(shown).toEqual([2, 4]);
	expect(list.current!.map(({ id }) => id)).toEqual([2, 4]);
	stop();
	client.close();
});

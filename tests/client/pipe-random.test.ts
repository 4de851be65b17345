import { live, pipe, type LiveContext } from 'svelte-realtime';
import type { StreamStore } from 'svelte-realtime/client';
import { settle } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { seeded, seedOf, type Random } from '../kernel/random.ts';
import { network, type Network } from './network.ts';

interface Row {
	readonly id: number;
	readonly rank: number | null;
	readonly open: boolean;
	readonly by: string;
}

const PEOPLE: Readonly<Record<string, string>> = { a: 'Ada', b: 'Bo' };

/** Rows that change, read by a loader that takes its time. */
function table(random: Random) {
	const rank = (): number | null => (random() < 0.1 ? null : Math.floor(random() * 8));
	const by = (): string => ['a', 'b', 'c'][Math.floor(random() * 3)]!;
	const made = (id: number): Row => ({ id, rank: rank(), open: random() < 0.6, by: by() });
	let last = 30;
	let rows: Row[] = Array.from({ length: last }, (_, at) => made(at + 1));
	const wait = async (): Promise<void> => {
		const ticks = random() * 3;
		for (let tick = 0; tick < ticks; tick += 1) await settle();
	};
	const load = async (): Promise<Row[]> => {
		await wait();
		const read = rows;
		await wait();
		return read;
	};
	/** Changes rows, and says how. */
	const change = (): [event: string, data: unknown] => {
		const what = random();
		const row = rows[Math.floor(random() * rows.length)];
		if (what < 0.3 || !row) {
			const created = made((last += 1));
			rows = [...rows, created];
			return ['created', created];
		}
		if (what < 0.6) {
			rows = rows.filter((other) => other !== row);
			return ['deleted', row];
		}
		if (what < 0.63) {
			rows = rows.map((other) => made(other.id));
			return ['set', rows];
		}
		const changed = made(row.id);
		rows = rows.map((other) => (other === row ? changed : other));
		return ['updated', changed];
	};
	return { all: () => rows, load, change, wait };
}

type Table = ReturnType<typeof table>;

const byId = (rows: readonly Row[]): Row[] => rows.toSorted((one, other) => one.id - other.id);
const last = (rank: number | null): number => rank ?? -Infinity;
/** The highest rank first; of equal ones the newest. What has no rank is last. */
const byRank = (rows: readonly Row[]): Row[] =>
	rows.toSorted((one, other) => last(other.rank) - last(one.rank) || other.id - one.id);
const isOpen = ({ open }: Row): boolean => open;
const named = (row: Row): object => ({ ...row, person: PEOPLE[row.by] ?? null });

/** What is piped, and what comes of loading anew and transforming; in which order, where there is one. */
function variants(rows: Table) {
	const source = live.stream('rows', rows.load);
	const person = async (by: string): Promise<string | undefined> => {
		await rows.wait();
		return PEOPLE[by];
	};
	const open = pipe.filter(isOpen);
	return {
		open: [pipe(source, open), (all: Row[]) => byId(all.filter(isOpen)), byId],
		named: [
			pipe(source, pipe.join('by', person, 'person')),
			(all: Row[]) => all.map(named),
			(shown: Row[]) => shown
		],
		ranked: [pipe(source, pipe.sort('rank', 'desc')), byRank, (shown: Row[]) => shown],
		best: [
			pipe(source, pipe.sort('rank', 'desc'), pipe.limit(3)),
			(all: Row[]) => byRank(all).slice(0, 3),
			(shown: Row[]) => shown
		],
		all: [
			pipe(
				pipe(source, open),
				pipe.join('by', person, 'person'),
				pipe.sort('rank', 'desc'),
				pipe.limit(4)
			),
			(all: Row[]) => byRank(all.filter(isOpen)).slice(0, 4).map(named),
			(shown: Row[]) => shown
		]
	} as const;
}

async function calm(net: Network, lists: readonly StreamStore<unknown>[]): Promise<void> {
	const isCalm = (): boolean => lists.every(({ connected, stale }) => connected && !stale);
	for (let round = 0; round < 3; round += 1) {
		for (let turn = 0; turn < 60 && !isCalm(); turn += 1) {
			await net.clock.advance(1000);
			await net.kernel.clock.advance(1000);
			for (let tick = 0; tick < 10; tick += 1) await settle();
		}
		for (let tick = 0; tick < 30; tick += 1) await settle();
	}
}

test('whatever happens, a piped list shows what loading anew and transforming would', async () => {
	for (let round = 0; round < 30; round += 1) {
		const seed = seedOf(round);
		const random = seeded(seed);
		const rows = table(random);
		const piped = variants(rows);
		const exports = Object.fromEntries(
			Object.entries(piped).map(([name, [stream]]) => [name, stream])
		);
		const net = await network({ m: exports });
		const client = net.client();
		const lists = Object.entries(piped).map(([name, [, expected, ordered]]) => {
			const list = client.stream<StreamStore<Row[]>>(`m/${name}`);
			return { name, expected, ordered, list, stop: list.subscribe(() => {}) };
		});
		const stores = lists.map(({ list }) => list);
		await calm(net, stores);

		for (let at = 0; at < 60; at += 1) {
			const what = random();
			if (what < 0.7) void net.kernel.publish('rows', ...rows.change());
			else if (what < 0.76) net.cut({ deaf: random() < 0.3 });
			else if (what < 0.79) {
				await net.restart();
				void net.kernel.publish('rows', ...rows.change());
			} else if (what < 0.85) await net.clock.advance(1000);
			else await settle();
			if (random() > 0.1) continue;
			await calm(net, stores);
			for (const { name, expected, ordered, list } of lists) {
				expect(ordered(list.current!), `seed ${seed}, step ${at}, ${name}`).toEqual(
					expected(rows.all())
				);
			}
		}
		await calm(net, stores);

		for (const { name, expected, ordered, list, stop } of lists) {
			expect(ordered(list.current!), `seed ${seed}, ${name}`).toEqual(expected(rows.all()));
			stop();
		}
		client.close();
		await settle();
	}
});

test('a list with a limit that loses its first items all the time shows the next ones', async () => {
	let loads = 0;
	for (let round = 0; round < 40; round += 1) {
		const seed = seedOf(round);
		const random = seeded(seed);
		let rows = Array.from({ length: 60 }, (_, id) => ({ id, rank: Math.floor(random() * 50) }));
		const best = (): typeof rows =>
			rows.toSorted((one, other) => other.rank - one.rank || other.id - one.id).slice(0, 3);
		const load = async (): Promise<typeof rows> => {
			loads += 1;
			await settle();
			return rows;
		};
		const stream = pipe(live.stream('rows', load), pipe.sort('rank', 'desc'), pipe.limit(3));
		const net = await network({ m: { best: stream } });
		const client = net.client();
		const list = client.stream<StreamStore<typeof rows>>('m/best');
		const stop = list.subscribe(() => {});
		await calm(net, [list]);

		for (let at = 0; at < 80; at += 1) {
			const what = random();
			const row = random() < 0.8 ? best()[0] : rows[Math.floor(random() * rows.length)];
			if (!row) break;
			if (what < 0.45) {
				rows = rows.filter((other) => other !== row);
				void net.kernel.publish('rows', 'deleted', { id: row.id });
			} else if (what < 0.9) {
				const changed = { ...row, rank: Math.floor(random() * (random() < 0.7 ? row.rank : 60)) };
				rows = rows.map((other) => (other === row ? changed : other));
				void net.kernel.publish('rows', 'updated', changed);
			} else if (what < 0.95) net.cut();
			else await settle();
			if (random() > 0.2) continue;
			await calm(net, [list]);
			expect(list.current, `seed ${seed}, step ${at}`).toEqual(best());
		}
		await calm(net, [list]);

		expect(list.current, `seed ${seed}`).toEqual(best());
		stop();
		client.close();
		await settle();
	}
	// Each loses about 60 of its first items: it is not loaded again for every one of them.
	expect(loads).toBeLessThan(40 * 12);
});

test('page by page, a filtered list is what the whole one is without what it leaves out', async () => {
	for (let round = 0; round < 40; round += 1) {
		const seed = seedOf(round);
		const random = seeded(seed);
		const rows = table(random);
		const load = async ({ cursor }: Pick<LiveContext, 'cursor'>) => {
			const all = await rows.load();
			const rest = byId(all).filter(({ id }) => id > Number(cursor ?? 0));
			const data = rest.slice(0, 5);
			return { data, hasMore: rest.length > 5, cursor: data.at(-1)?.id };
		};
		const person = async (by: string): Promise<string | undefined> => {
			await rows.wait();
			return PEOPLE[by];
		};
		const source = live.stream('rows', load);
		const exports = {
			open: pipe(source, pipe.filter(isOpen)),
			named: pipe(source, pipe.join('by', person, 'person'))
		};
		const net = await network({ m: exports });
		const client = net.client();
		const open = client.stream<StreamStore<Row[]>>('m/open');
		const joined = client.stream<StreamStore<Row[]>>('m/named');
		const lists = [open, joined];
		const stops = lists.map((list) => list.subscribe(() => {}));
		await calm(net, lists);

		for (let at = 0; at < 60; at += 1) {
			const what = random();
			const [event, data] = what < 0.6 ? rows.change() : ['', undefined];
			if (event) void net.kernel.publish('rows', event, data);
			else if (what < 0.8) lists[Math.floor(random() * 2)]!.loadMore().catch(() => {});
			else if (what < 0.86) net.cut();
			else if (what < 0.93) await net.clock.advance(1000);
			else await settle();
		}
		await calm(net, lists);
		for (const list of lists) {
			for (let page = 0; list.hasMore && page < 50; page += 1) {
				const loading = list.loadMore();
				await calm(net, lists);
				await loading;
			}
		}

		expect(byId(open.current!), `seed ${seed}, open`).toEqual(byId(rows.all().filter(isOpen)));
		expect(byId(joined.current!), `seed ${seed}, named`).toEqual(byId(rows.all()).map(named));
		for (const stop of stops) stop();
		client.close();
		await settle();
	}
});

import { live, type LiveContext, type Page } from 'svelte-realtime';
import type { StreamStore } from 'svelte-realtime/client';
import { settle } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { seeded, seedOf, type Random } from '../kernel/random.ts';
import { network, type Network } from './network.ts';

interface Row {
	readonly id: number;
	readonly text: number;
}

const SIZE = 3;

/** Rows in order, and a loader that reads a page of them and takes its time to hand it over. */
function table(random: Random, isNewestFirst: boolean) {
	let rows: Row[] = Array.from({ length: 12 }, (_, at) => ({ id: at + 1, text: 0 }));
	let last = rows.length;
	const ordered = (): Row[] => (isNewestFirst ? rows.toReversed() : rows);
	const load = async ({ cursor }: Pick<LiveContext, 'cursor'>): Promise<Page<Row>> => {
		const isBehind = ({ id }: Row): boolean =>
			cursor === null || (isNewestFirst ? id < Number(cursor) : id > Number(cursor));
		const before = random() * 3;
		for (let tick = 0; tick < before; tick += 1) await settle();
		const rest = ordered().filter(isBehind);
		const after = random() * 3;
		for (let tick = 0; tick < after; tick += 1) await settle();
		const data = rest.slice(0, SIZE);
		return { data, hasMore: rest.length > SIZE, cursor: data.at(-1)?.id };
	};
	/** Changes one row, and says how. */
	const change = (): [event: string, data: Row] => {
		const what = random();
		const row = rows[Math.floor(random() * rows.length)];
		if (what < 0.4 || !row) {
			const created = { id: (last += 1), text: 0 };
			rows = [...rows, created];
			return ['created', created];
		}
		const changed = { ...row, text: row.text + 1 };
		if (what < 0.7) rows = rows.filter((other) => other !== row);
		else rows = rows.map((other) => (other === row ? changed : other));
		return what < 0.7 ? ['deleted', row] : ['updated', changed];
	};
	return { ordered, load, change };
}

interface Run {
	readonly random: Random;
	readonly net: Network;
	readonly list: StreamStore<Row[]>;
	readonly rows: ReturnType<typeof table>;
}

async function step({ random, net, list, rows }: Run): Promise<void> {
	const what = random();
	if (what < 0.5) {
		const [event, data] = rows.change();
		void net.kernel.publish('rows', event, data);
	} else if (what < 0.75) {
		// The page may be refused when its server is gone for good; asking again is the test's own affair.
		list.loadMore().catch(() => {});
	} else if (what < 0.82) net.cut();
	else if (what < 0.85) {
		await net.restart();
		void net.kernel.publish('rows', ...rows.change());
	} else if (what < 0.92) await net.clock.advance(1000);
	else await settle();
}

/** Waits until nothing is on its way. */
async function calm({ net, list }: Run): Promise<void> {
	for (let round = 0; round < 60 && (!list.connected || list.stale); round += 1) {
		await net.clock.advance(1000);
		await net.kernel.clock.advance(1000);
		for (let tick = 0; tick < 10; tick += 1) await settle();
	}
	for (let tick = 0; tick < 20; tick += 1) await settle();
}

test.each([
	['last', false],
	['first', true]
])(
	'where new items go %s, a list of pages shows what is there, whatever happens meanwhile',
	async (_, isNewestFirst) => {
		for (let round = 0; round < 60; round += 1) {
			const seed = seedOf(round);
			const random = seeded(seed);
			const rows = table(random, isNewestFirst);
			const stream = live.stream('rows', rows.load, { prepend: isNewestFirst });
			const net = await network({ m: { rows: stream } });
			const client = net.client();
			const list = client.stream<StreamStore<Row[]>>('m/rows');
			const leave = list.subscribe(() => {});
			const run = { random, net, list, rows };
			await calm(run);

			for (let at = 0; at < 60; at += 1) {
				await step(run);
				if (random() > 0.2) continue;
				await calm(run);
				const shown = list.current!;
				const there = rows.ordered().filter(({ id }) => shown.some((row) => row.id === id));
				expect(shown, `seed ${seed}, step ${at}`).toEqual(there);
			}
			await calm(run);
			for (let page = 0; list.hasMore && page < 50; page += 1) {
				const loading = list.loadMore();
				await calm(run);
				await loading;
			}

			expect(list.current, `seed ${seed}`).toEqual(rows.ordered());
			leave();
			client.close();
			await settle();
		}
	}
);

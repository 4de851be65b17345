import { live, type LiveContext } from 'svelte-realtime';
import type { StreamStore } from 'svelte-realtime/client';
import { settle } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { seeded, seedOf, type Random } from '../kernel/random.ts';
import { network } from './network.ts';

interface Row {
	readonly id: number;
	readonly text: { readonly body: number };
}

const SECOND = ({ id, text }: Row) => ({ id, body: text.body });
const FIRST = ({ id, body }: ReturnType<typeof SECOND>) => ({ id, title: `${body}` });
const SHAPES: Record<string, (row: Row) => unknown> = {
	'@3': (row) => row,
	'@2': SECOND,
	'@1': (row) => FIRST(SECOND(row)),
	'': (row) => FIRST(SECOND(row))
};

/** Rows that change, and a loader that takes its time to hand them over, page by page or at once. */
function table(random: Random, hasPages: boolean) {
	let rows: Row[] = [1, 2, 3].map((id) => ({ id, text: { body: 0 } }));
	let last = rows.length;
	const wait = async (): Promise<void> => {
		const ticks = random() * 3;
		for (let tick = 0; tick < ticks; tick += 1) await settle();
	};
	const load = async ({ cursor }: Pick<LiveContext, 'cursor'>) => {
		await wait();
		const rest = rows.filter(({ id }) => id > Number(cursor ?? 0));
		await wait();
		if (!hasPages) return rest;
		const data = rest.slice(0, 3);
		return { data, hasMore: rest.length > 3, cursor: data.at(-1)?.id };
	};
	const change = (): [event: string, data: unknown] => {
		const what = random();
		const row = rows[Math.floor(random() * rows.length)];
		if (what < 0.45 || !row) {
			const created = { id: (last += 1), text: { body: 0 } };
			rows = [...rows, created];
			return ['created', created];
		}
		if (what < 0.6) {
			rows = rows.filter((other) => other !== row);
			return ['deleted', { id: row.id }];
		}
		const changed = { ...row, text: { body: row.text.body + 1 } };
		rows = rows.map((other) => (other === row ? changed : other));
		return ['updated', changed];
	};
	return { all: () => rows, load, change };
}

test.each([
	['at once', false],
	['page by page', true]
])(
	'pages of every build show the same rows as they know them, loaded %s, whatever breaks',
	async (_, hasPages) => {
		for (let round = 0; round < 40; round += 1) {
			const seed = seedOf(round);
			const random = seeded(seed);
			const rows = table(random, hasPages);
			const versions = { version: 3, migrate: { 2: SECOND, 1: FIRST } };
			const stream = live.stream('rows', rows.load as never, versions);
			const net = await network({ m: { rows: stream } });
			const clients = Object.keys(SHAPES).map(() => net.client());
			const lists = Object.entries(SHAPES).map(([version, shape], at) => {
				const list = clients[at]!.stream<StreamStore<unknown[]>>(`m/rows${version}`);
				const seen: unknown[] = [];
				const stop = list.subscribe((value) => void seen.push(value));
				return { version, shape, list, seen, stop };
			});
			const calm = async (): Promise<void> => {
				const isCalm = (): boolean => lists.every(({ list }) => list.connected && !list.stale);
				for (let turn = 0; turn < 60 && !isCalm(); turn += 1) {
					await net.clock.advance(1000);
					await net.kernel.clock.advance(1000);
					for (let tick = 0; tick < 10; tick += 1) await settle();
				}
				for (let tick = 0; tick < 20; tick += 1) await settle();
			};
			await calm();

			for (let at = 0; at < 50; at += 1) {
				const what = random();
				const any = lists[Math.floor(random() * lists.length)]!;
				if (what < 0.6) void net.kernel.publish('rows', ...rows.change());
				else if (what < 0.7) net.cut({ deaf: random() < 0.3 });
				else if (what < 0.73) {
					await net.restart();
					void net.kernel.publish('rows', ...rows.change());
				} else if (what < 0.8) any.list.loadMore().catch(() => {});
				else if (what < 0.9) await net.clock.advance(1000);
				else await settle();
			}
			await calm();
			for (const { list } of lists) {
				for (let page = 0; list.hasMore && page < 50; page += 1) {
					const loading = list.loadMore();
					await calm();
					await loading;
				}
			}

			for (const { version, shape, list, seen, stop } of lists) {
				const about = `seed ${seed}, rows${version}`;
				expect(list.current, about).toEqual(rows.all().map(shape));
				// At no time was there anything that this build does not know.
				const keys = Object.keys(shape({ id: 0, text: { body: 0 } }) as object).join();
				const shown = seen.flat().filter((item) => item !== undefined) as object[];
				expect(new Set(shown.map((item) => Object.keys(item).join())), about).toEqual(
					new Set(shown.length > 0 ? [keys] : [])
				);
				stop();
			}
			for (const client of clients) client.close();
			await settle();
		}
	}
);

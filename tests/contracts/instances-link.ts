/** What every link between instances must do, whatever keeps it. */

import { expect, test } from 'vitest';
import type { InstancesLink } from 'svelte-realtime/plugins/instances';
import { until } from '../servers/until.ts';

/** A link, and the name of its instance. */
export interface Named extends InstancesLink {
	readonly id: string;
}

export interface LinksUnderTest {
	/** One link for each of three instances, by their names, of which none has beaten yet. */
	readonly links: readonly [Named, Named, Named];
	close(): Promise<void>;
}

/** Milliseconds: long enough for what a test does meanwhile. */
const LONG = 60_000;
/** Milliseconds after which a lease is over by any clock. */
const SHORT = 1;

/** @param makeLinks Fresh links, of instances that have met nobody. */
export function instancesLinkContract(
	name: string,
	makeLinks: () => Promise<LinksUnderTest>
): void {
	const contract = (claim: string, body: (links: LinksUnderTest['links']) => Promise<void>): void =>
		test(`${name}: ${claim}`, async () => {
			const under = await makeLinks();
			try {
				await body(under.links);
			} finally {
				await under.close();
			}
		});

	/** Beats until somebody whose lease is over is claimed. */
	async function claimed(link: Named): Promise<readonly string[]> {
		let gone: readonly string[] = [];
		await until(async () => {
			({ gone } = await link.beat(LONG));
			return gone.length > 0;
		});
		return gone;
	}

	contract('a lease is begun once and renewed from then on', async ([a, b]) => {
		expect(await a.beat(LONG)).toEqual({ lease: 'begun', gone: [] });
		expect(await a.beat(LONG)).toEqual({ lease: 'renewed', gone: [] });
		expect(await b.beat(LONG)).toEqual({ lease: 'begun', gone: [] });
		expect(await a.alive()).toHaveLength(2);
		expect(await b.alive()).toEqual(expect.arrayContaining([a.id, b.id]));
	});

	contract('one whose lease has ended is claimed by one instance alone', async ([a, b, c]) => {
		await c.beat(LONG);
		await a.beat(SHORT);

		expect(await claimed(b)).toEqual([a.id]);
		expect(await c.beat(LONG)).toEqual({ lease: 'renewed', gone: [] });
		expect([...(await c.alive())].sort()).toEqual([b.id, c.id].sort());
	});

	contract('it has no lease until it has been cleared up after, then a new one', async ([a, b]) => {
		await a.beat(SHORT);
		expect(await claimed(b)).toEqual([a.id]);

		expect(await a.beat(LONG)).toEqual({ lease: 'over', gone: [] });
		expect(await b.alive()).toEqual([b.id]);
		await b.cleared(a.id);
		expect(await a.beat(LONG)).toEqual({ lease: 'begun', gone: [] });
		expect([...(await b.alive())].sort()).toEqual([a.id, b.id].sort());
	});

	contract('one that comes back before anybody has noticed goes on', async ([a]) => {
		await a.beat(SHORT);

		expect(await a.beat(LONG)).toEqual({ lease: 'renewed', gone: [] });
	});

	contract('who leaves is claimed at the next beat of another', async ([a, b]) => {
		await a.beat(LONG);
		await b.beat(LONG);
		await a.leave();

		expect(await b.alive()).toEqual([b.id]);
		expect(await b.beat(LONG)).toEqual({ lease: 'renewed', gone: [a.id] });
		await b.cleared(a.id);
		expect(await b.beat(LONG)).toEqual({ lease: 'renewed', gone: [] });
	});

	contract(
		'a message reaches the instance that it is for, in order, and no other',
		async (links) => {
			const heard: string[][] = [[], [], []];
			links.forEach((link, index) => link.receive((message) => heard[index]!.push(message)));
			for (const link of links) await link.beat(LONG);

			for (let n = 0; n < 20; n += 1)
				expect(await links[0].send(links[1].id, `"${n}" é\n`)).toBe(true);
			expect(await links[1].send('nobody', 'x')).toBe(false);
			await until(() => heard[1]!.length === 20);

			expect(heard[1]).toEqual(Array.from({ length: 20 }, (_, n) => `"${n}" é\n`));
			expect([heard[0], heard[2]]).toEqual([[], []]);
		}
	);

	contract('who stands in for another one hears what is sent to it', async ([a, b, c]) => {
		const heard: string[][] = [[], [], []];
		[a, b, c].forEach((link, index) => link.receive((message) => heard[index]!.push(message)));
		for (const link of [a, b, c]) await link.beat(LONG);
		const ends = [await b.standIn(a.id), await b.standIn('ended')];

		expect(await c.send(a.id, 'both')).toBe(true);
		expect(await c.send('ended', 'one')).toBe(true);
		await until(() => heard[0]!.length > 0 && heard[1]!.length > 1);
		expect(heard).toEqual([['both'], ['both', 'one'], []]);
		expect([...(await c.alive())].sort()).toEqual([a.id, b.id, c.id].sort());
		await a.leave();
		expect(await c.send(a.id, 'still')).toBe(true);
		await until(() => heard[1]!.length > 2);

		for (const end of ends) end();
		await until(async () => !(await c.send('ended', 'nobody')));
		expect(heard[1]!.slice(0, 3)).toEqual(['both', 'one', 'still']);
	});
}

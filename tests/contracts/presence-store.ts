/** What every store of members must do, whatever keeps it. */

import { expect, test } from 'vitest';
import type {
	Diff,
	Followed,
	Member,
	PresenceStore,
	RosterListener
} from 'svelte-realtime/plugins/presence';

export interface StoresUnderTest {
	/** One store for each of three instances, of which none has beaten yet. */
	readonly stores: readonly [PresenceStore, PresenceStore, PresenceStore];
	/** Milliseconds of a lease, where a store needs longer ones. @default 1000 */
	readonly ttl?: number;
	/** Lets time pass for the store, and what is on its way arrive. */
	advance(ms: number): Promise<void>;
	close(): Promise<void>;
}

const member = (key: string, data: unknown = {}): Member => ({ key, data });
const keys = (members: readonly Member[]): string[] => members.map(({ key }) => key);

/** What a listener has heard, in short. */
function ear(): RosterListener & { readonly heard: unknown[]; readonly seqs: number[] } {
	const heard: unknown[] = [];
	const seqs: number[] = [];
	return {
		heard,
		seqs,
		changed({ joins, updates, leaves }: Diff, { seq }) {
			seqs.push(seq);
			heard.push({
				...(joins.length > 0 && { joins: keys(joins) }),
				...(updates.length > 0 && { updates: updates.map(({ data }) => data) }),
				...(leaves.length > 0 && { leaves })
			});
		},
		replaced: ({ members }) => heard.push({ replaced: keys(members) })
	};
}

/** @param makeStores Three fresh stores on the same, empty topics. */
export function presenceStoreContract(
	name: string,
	makeStores: () => Promise<StoresUnderTest>
): void {
	interface Bench extends StoresUnderTest {
		readonly ttl: number;
		put(store: PresenceStore, ...members: readonly Member[]): Promise<boolean>;
		remove(store: PresenceStore, ...keys: readonly string[]): Promise<boolean>;
		follow(store: PresenceStore): Promise<Followed & ReturnType<typeof ear>>;
	}

	const contract = (claim: string, body: (bench: Bench) => Promise<void>): void => {
		test(`${name}: ${claim}`, async () => {
			const under = await makeStores();
			const { ttl = 1000 } = under;
			for (const store of under.stores) await store.beat(ttl);
			try {
				await body({
					...under,
					ttl,
					put: async (store, ...puts) => store.apply('t', { puts, removes: [] }),
					remove: async (store, ...removes) => store.apply('t', { puts: [], removes }),
					async follow(store) {
						const listener = ear();
						return { ...(await store.follow('t', listener)), ...listener };
					}
				});
			} finally {
				await under.close();
			}
		});
	};

	contract('members are listed first come first, with what was said last', async (bench) => {
		const [a, b] = bench.stores;
		await bench.put(a, member('ada'), member('bob'));
		await bench.put(b, member('cy'));
		await bench.put(a, member('ada', { seen: 2 }));

		expect(await a.list('t')).toEqual([member('ada', { seen: 2 }), member('bob'), member('cy')]);
		expect(await b.count('t')).toBe(3);
		expect(await a.list('other')).toEqual([]);
		expect(await a.count('other')).toBe(0);
	});

	contract('a member is kept as it was given', async (bench) => {
		const [a, b] = bench.stores;
		const given: Member = {
			key: 'ada',
			data: { since: new Date(0), text: '"\\\u2028' },
			state: [1]
		};
		await bench.put(a, given);

		expect(await b.list('t')).toEqual([given]);
	});

	contract('names of prototypes are keys and topics like others', async (bench) => {
		const [a] = bench.stores;
		for (const odd of ['__proto__', 'constructor', 'toString']) {
			await a.apply(odd, { puts: [member(odd)], removes: [] });
			expect(keys(await a.list(odd))).toEqual([odd]);
			await a.apply(odd, { puts: [], removes: [odd] });
			expect(await a.count(odd)).toBe(0);
		}
	});

	contract('a change is one numbered diff for every listener of every instance', async (bench) => {
		const [a, b] = bench.stores;
		await bench.put(a, member('old'), member('stays'));
		const here = await bench.follow(a);
		const there = await bench.follow(b);

		await a.apply('t', { puts: [member('new'), member('stays', { n: 1 })], removes: ['old'] });
		await bench.advance(0);

		const diff = { joins: ['new'], updates: [{ n: 1 }], leaves: ['old'] };
		expect(here.heard).toEqual([diff]);
		expect(there.heard).toEqual([diff]);
	});

	contract('what is followed goes on from the roster without a gap', async (bench) => {
		const [a, b] = bench.stores;
		for (let n = 0; n < 5; n += 1) await bench.put(a, member(`early${n}`));
		const followed = await bench.follow(b);
		for (let n = 0; n < 5; n += 1) await bench.put(n % 2 ? a : b, member(`late${n}`));
		await bench.advance(0);

		const { seq, epoch } = followed.roster;
		expect(keys(followed.roster.members)).toHaveLength(5);
		expect(followed.seqs).toEqual([1, 2, 3, 4, 5].map((n) => seq + n));
		expect((await bench.follow(a)).roster).toMatchObject({ epoch, seq: seq + 5 });
	});

	contract('who has stopped following hears nothing more', async (bench) => {
		const [a] = bench.stores;
		await bench.put(a, member('ada'));
		const followed = await bench.follow(a);
		followed.close();
		followed.close();

		await bench.put(a, member('bob'));
		await bench.advance(0);

		expect(followed.heard).toEqual([]);
	});

	contract('what changes nothing for others is not numbered', async (bench) => {
		const [a, b] = bench.stores;
		await bench.put(a, member('ada'));
		const followed = await bench.follow(a);

		await bench.remove(a, 'nobody');
		await bench.remove(b, 'ada');
		await bench.advance(0);

		expect(followed.heard).toEqual([]);
		expect(keys(await a.list('t'))).toEqual(['ada']);
	});

	contract('a member of several instances joins once and leaves once', async (bench) => {
		const [a, b, c] = bench.stores;
		const followed = await bench.follow(c);
		await bench.put(a, member('ada', 'a'));
		await bench.put(b, member('ada', 'b'));
		await bench.remove(a, 'ada');
		await bench.advance(0);
		expect(await c.list('t')).toEqual([member('ada', 'b')]);

		await bench.remove(b, 'ada');
		await bench.advance(0);

		const joins = followed.heard.filter((diff) => 'joins' in (diff as object));
		const leaves = followed.heard.filter((diff) => 'leaves' in (diff as object));
		expect(joins).toEqual([{ joins: ['ada'] }]);
		expect(leaves).toEqual([{ leaves: ['ada'] }]);
		expect(followed.heard.at(-1)).toEqual({ leaves: ['ada'] });
	});

	contract('when the last word of a member goes, the one before it shows again', async (bench) => {
		const [a, b, c] = bench.stores;
		await bench.put(a, member('ada', 'a'));
		await bench.put(b, member('ada', 'b'));
		const followed = await bench.follow(c);

		await bench.remove(b, 'ada');
		await bench.advance(0);

		expect(followed.heard).toEqual([{ updates: ['a'] }]);
		expect(await c.list('t')).toEqual([member('ada', 'a')]);
	});

	contract('members of an instance that is silent for its ttl leave with a diff', async (bench) => {
		const [a, b] = bench.stores;
		await bench.put(a, member('ada'), member('both'));
		await bench.put(b, member('bob'), member('both'));
		const followed = await bench.follow(b);

		await bench.advance(0.9 * bench.ttl);
		expect(await b.beat(bench.ttl)).toBe(true);
		expect(await b.count('t')).toBe(3);
		await bench.advance(0.2 * bench.ttl);
		expect(await b.beat(bench.ttl)).toBe(true);
		await bench.advance(0);

		expect(followed.heard).toContainEqual({ leaves: ['ada'] });
		expect(keys(await b.list('t'))).toEqual(['both', 'bob']);
	});

	contract('an instance whose lease has ended changes nothing until it beats', async (bench) => {
		const [a, b] = bench.stores;
		await bench.put(a, member('ada'));
		await bench.advance(1.1 * bench.ttl);
		await b.beat(bench.ttl);

		expect(await bench.put(a, member('late'))).toBe(false);
		expect(await b.count('t')).toBe(0);
		expect(await a.beat(bench.ttl)).toBe(false);
		expect(await bench.put(a, member('again'))).toBe(true);
		expect(keys(await b.list('t'))).toEqual(['again']);
	});

	contract('a topic that was forgotten begins in another epoch', async (bench) => {
		const [a] = bench.stores;
		await bench.put(a, member('ada'));
		const first = await bench.follow(a);
		await bench.remove(a, 'ada');
		first.close();

		await bench.put(a, member('ada'));
		const second = await bench.follow(a);

		const isOther = second.roster.epoch !== first.roster.epoch;
		expect(isOther || second.roster.seq > first.roster.seq + 1).toBe(true);
	});

	contract(
		'of many who come at once as many get a place as there are, on all instances',
		async (bench) => {
			const [a, b, c] = bench.stores;
			await bench.put(a, member('here'));
			const wishes = Array.from({ length: 9 }, (_, n) =>
				bench.stores[n % 3]!.reserve('t', `m${n}`, 4, 10_000)
			);

			const answers = await Promise.all(wishes);

			expect(answers.filter((isIn) => isIn)).toHaveLength(3);
			expect(await b.reserve('t', 'here', 4, 10_000)).toBe(true);
			expect(await c.reserve('t', `m${answers.indexOf(true)}`, 4, 10_000)).toBe(true);
			expect(await c.reserve('other', 'm8', 1, 10_000)).toBe(true);
			expect(await a.count('t')).toBe(1);
		}
	);

	contract(
		'a place is one with its member, and free when that has gone, or did not come',
		async (bench) => {
			const [a, b] = bench.stores;
			expect(await a.reserve('t', 'ada', 1, 0.5 * bench.ttl)).toBe(true);
			await bench.put(a, member('ada'));
			expect(await b.reserve('t', 'bob', 2, 0.5 * bench.ttl)).toBe(true);
			expect(await a.reserve('t', 'cy', 2, 0.5 * bench.ttl)).toBe(false);

			await bench.remove(a, 'ada');
			expect(await a.reserve('t', 'cy', 2, 0.5 * bench.ttl)).toBe(true);
			expect(await a.reserve('t', 'dora', 2, 0.5 * bench.ttl)).toBe(false);
			await bench.advance(0.6 * bench.ttl);

			expect(await a.reserve('t', 'dora', 1, 0.5 * bench.ttl)).toBe(true);
		}
	);

	contract('a thousand members come and go in one step each way', async (bench) => {
		const [a, b] = bench.stores;
		const followed = await bench.follow(b);
		const many = Array.from({ length: 1000 }, (_, n) => member(`m${n}`));

		await bench.put(a, ...many);
		expect(await b.count('t')).toBe(1000);
		await bench.remove(a, ...keys(many));
		await bench.advance(0);

		expect(await b.list('t')).toEqual([]);
		expect(followed.seqs).toHaveLength(2);
	});
}

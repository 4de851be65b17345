import { describe, expect, test } from 'vitest';
import type { MergeOptions } from '../../plugins/streams/frames.ts';
import { apply, createList } from '../../plugins/streams/merge/index.ts';
import { installMembers } from '../../plugins/streams/merge/members.ts';

installMembers();

const CRUD: MergeOptions = { merge: 'crud', key: 'id', prepend: false, max: 0 };
const LATEST: MergeOptions = { merge: 'latest', key: 'id', prepend: false, max: 50 };
const SET: MergeOptions = { merge: 'set', key: 'id', prepend: false, max: 0 };

const items = (...ids: unknown[]): { id: unknown }[] => ids.map((id) => ({ id }));

/** The value after one event. */
function merge(value: unknown, event: string, data: unknown, options: MergeOptions): unknown {
	const list = createList(value, options);
	apply(list, event, data);
	return list.read();
}

/** A value as it is kept when it was loaded. */
function initial(value: unknown, options: MergeOptions): unknown {
	const list = createList(undefined, options);
	list.reset(value);
	return list.read();
}

/** Frozen, so that a merge that changes its input throws. */
function frozen<T extends object>(list: T[]): readonly T[] {
	return Object.freeze(list.map((item) => Object.freeze(item)));
}

describe('crud', () => {
	const list = frozen(items(1, 2, 3, 4));

	test('a created item goes last, or first with prepend', () => {
		expect(merge(list, 'created', { id: 5 }, CRUD)).toEqual(items(1, 2, 3, 4, 5));
		expect(merge(list, 'created', { id: 5 }, { ...CRUD, prepend: true })).toEqual(
			items(5, 1, 2, 3, 4)
		);
	});

	test('a created item that is there already is replaced where it stands', () => {
		expect(merge(list, 'created', { id: 2, a: 1 }, CRUD)).toEqual([
			{ id: 1 },
			{ id: 2, a: 1 },
			{ id: 3 },
			{ id: 4 }
		]);
	});

	test('an updated item is replaced as a whole, an unknown one is ignored', () => {
		const detailed = frozen([{ id: 1, a: 1, b: 2 }]);

		expect(merge(detailed, 'updated', { id: 1, a: 3 }, CRUD)).toEqual([{ id: 1, a: 3 }]);
		expect(merge(list, 'updated', { id: 9 }, CRUD)).toBe(list);
	});

	test('deleting keeps the order of the rest', () => {
		expect(merge(list, 'deleted', { id: 1 }, CRUD)).toEqual(items(2, 3, 4));
		expect(merge(list, 'deleted', { id: 3 }, CRUD)).toEqual(items(1, 2, 4));
		expect(merge(list, 'deleted', { id: 9 }, CRUD)).toBe(list);
	});

	test('set replaces the whole list', () => {
		expect(merge(list, 'set', items(7), CRUD)).toEqual(items(7));
	});

	test('max drops the oldest, which are first, or last with prepend', () => {
		expect(merge(list, 'created', { id: 5 }, { ...CRUD, max: 4 })).toEqual(items(2, 3, 4, 5));
		expect(merge(list, 'created', { id: 5 }, { ...CRUD, max: 4, prepend: true })).toEqual(
			items(5, 1, 2, 3)
		);
		expect(initial(list, { ...CRUD, max: 2 })).toEqual(items(3, 4));
	});

	test('keys are compared as values: 1 is not "1", and names of prototypes are keys', () => {
		const odd = frozen(items('__proto__', 'constructor', '1', 1));

		expect(merge(odd, 'deleted', { id: 1 }, CRUD)).toEqual(items('__proto__', 'constructor', '1'));
		const evil: unknown = JSON.parse('{"id":"__proto__","__proto__":{"polluted":true}}');
		const after = merge(odd, 'updated', evil, CRUD) as unknown[];
		expect(after[0]).toBe(evil);
		expect({}).not.toHaveProperty('polluted');
	});

	test('other events, and data that is no item, change nothing', () => {
		for (const data of [null, undefined, 1, 'x', true]) {
			for (const event of ['created', 'updated', 'deleted', 'set', 'toString']) {
				expect(merge(list, event, data, CRUD)).toBe(list);
			}
		}
		expect(merge(list, 'renamed', { id: 1 }, CRUD)).toBe(list);
	});

	test('a value that is not there yet begins as a list, and one that is no list stays', () => {
		expect(merge(undefined, 'created', { id: 1 }, CRUD)).toEqual(items(1));
		expect(merge(null, 'deleted', { id: 1 }, CRUD)).toBe(null);
		const page = { items: [] };
		expect(merge(page, 'created', { id: 1 }, CRUD)).toBe(page);
	});
});

describe('latest', () => {
	test('any event adds its data, and the oldest go past max', () => {
		const options = { ...LATEST, max: 2 };

		expect(merge(frozen(items(1, 2)), 'whatever', { id: 3 }, options)).toEqual(items(2, 3));
		expect(merge(['a'], 'line', 'b', options)).toEqual(['a', 'b']);
	});

	test('an item whose key is there already is not doubled', () => {
		const list = frozen(items(1, 2));

		expect(merge(list, 'message', { id: 1, again: true }, LATEST)).toEqual([
			{ id: 1, again: true },
			{ id: 2 }
		]);
	});

	test('items without a key are all kept, nothing is ignored', () => {
		const list = frozen([{ text: 'a' }]);

		expect(merge(list, 'message', { text: 'a' }, LATEST)).toEqual([{ text: 'a' }, { text: 'a' }]);
		expect(merge(list, 'message', null, LATEST)).toBe(list);
	});
});

test('set takes every event for the new value', () => {
	expect(merge({ a: 1 }, 'anything', { b: 2 }, SET)).toEqual({ b: 2 });
	expect(merge({ a: 1 }, 'anything', null, SET)).toBe(null);
});

test('a strategy that this client does not know keeps the value', () => {
	const value = {};
	for (const name of ['later', '__proto__', 'constructor', 'toString']) {
		expect(merge(value, 'created', { id: 1 }, { ...CRUD, merge: name as never })).toBe(value);
	}
});

/** Members a, b and c, each with a number. */
const MEMBERS = frozen(['a', 'b', 'c'].map((key, n) => ({ key, n })));
const [A, B, C] = MEMBERS as [object, object, object];
const D = { key: 'd', n: 9 };

// Event, its data, what it makes of MEMBERS; `same` is the very list.
const same = MEMBERS;
const PRESENCE: [string, unknown, readonly unknown[]][] = [
	['join', D, [A, B, C, D]],
	['join', { key: 'b', n: 7 }, [A, { key: 'b', n: 7 }, C]],
	['update', { key: 'a', n: 7 }, [{ key: 'a', n: 7 }, B, C]],
	['update', D, [A, B, C, D]],
	['leave', { key: 'a' }, [B, C]],
	['leave', { key: 'x' }, same],
	['leave', 'a', same],
	['set', [D], [D]],
	['set', { a: 1 }, same],
	[
		'diff',
		{ joins: [D], updates: [{ key: 'c', n: 7 }], leaves: ['a'] },
		[B, { key: 'c', n: 7 }, D]
	],
	['diff', { joins: [A], leaves: ['a'] }, [B, C, A]],
	['diff', { leaves: ['x', null, {}] }, same],
	['diff', { joins: 'abc', updates: 3, leaves: { length: 2 } }, same],
	['diff', { joins: [null, 'x', {}] }, same],
	['join', { name: 'without a key' }, same],
	['join', null, same],
	['constructor', D, same]
];
const CURSOR: [string, unknown, readonly unknown[]][] = [
	['update', D, [A, B, C, D]],
	['update', { key: 'b', x: 1 }, [A, { key: 'b', x: 1 }, C]],
	['update', [{ key: 'b', x: 1 }, D, { key: 'b', x: 2 }], [A, { key: 'b', x: 2 }, C, D]],
	['update', [null, 1, {}, []], same],
	['remove', { key: 'a' }, [B, C]],
	['remove', 'a', [B, C]],
	['remove', ['a', { key: 'c' }, 'x', null], [B]],
	['set', [], []],
	['set', 'abc', same],
	['join', D, same]
];

test.each(PRESENCE)('presence: %s %j', (event, data, expected) => {
	const options = { ...CRUD, merge: 'presence', key: 'key' } as const;
	const value = merge(MEMBERS, event, data, options);
	if (expected === same) expect(value).toBe(MEMBERS);
	else expect(value).toEqual(expected);
});

test.each(CURSOR)('cursor: %s %j', (event, data, expected) => {
	const options = { ...CRUD, merge: 'cursor', key: 'key' } as const;
	const value = merge(MEMBERS, event, data, options);
	if (expected === same) expect(value).toBe(MEMBERS);
	else expect(value).toEqual(expected);
});

test('who joins a list that is not there yet begins it', () => {
	const options = { ...CRUD, merge: 'presence', key: 'key' } as const;
	expect(merge(undefined, 'join', D, options)).toEqual([D]);
	expect(merge(null, 'diff', { joins: [D] }, options)).toEqual([D]);
});

// --- copies and the index ---

describe('a list that many events change', () => {
	test('is copied once between two looks at it, however many events come', () => {
		const list = createList(frozen(items(...Array(100).keys())), CRUD);
		const before = list.read();
		apply(list, 'created', { id: 100 });
		const copy = list.peek();
		for (let id = 0; id < 1000; id += 1) apply(list, 'created', { id, again: true });

		expect(copy).not.toBe(before);
		expect(list.peek()).toBe(copy);
		expect(before).toEqual(items(...Array(100).keys()));
	});

	test('never changes what was handed out', () => {
		const list = createList([], { ...CRUD, max: 5 });
		const handed: [value: unknown, text: string][] = [];
		for (let id = 0; id < 20; id += 1) {
			apply(list, 'created', { id });
			if (id % 3 === 0) apply(list, 'deleted', { id: id - 1 });
			const value = list.read();
			handed.push([value, JSON.stringify(value)]);
		}

		for (const [value, text] of handed) expect(JSON.stringify(value)).toBe(text);
	});

	test('looks an item up without going through the list', () => {
		let reads = 0;
		const item = (id: number): object => ({
			get id() {
				reads += 1;
				return id;
			}
		});
		const size = 10_000;
		const list = createList(
			Array.from({ length: size }, (_, id) => item(id)),
			CRUD
		);
		list.find(0);
		reads = 0;
		for (let n = 0; n < 1000; n += 1) {
			apply(list, 'updated', item((n * 7919) % size));
			if (n % 10 === 0) apply(list, 'deleted', { id: (n * 31) % size });
			if (n % 10 === 5) apply(list, 'created', { id: size + n });
		}

		// Going through the list reads 5,000 keys at a time, that is 6,000,000 in all.
		expect(reads).toBeLessThan(300_000);
	});

	test('is what a plain list would be, whatever the events are', () => {
		for (let seed = 1; seed <= 60; seed += 1) {
			const random = seeded(seed);
			const pick = (n: number): number => Math.floor(random() * n);
			const prepend = seed % 2 === 0;
			const max = seed % 3 === 0 ? 20 : 0;
			const options = { ...CRUD, prepend, max };
			let plain: Item[] = Array.from({ length: 15 }, (_, id) => ({ id, n: 0 }));
			const list = createList(plain, options);
			for (let n = 1; n <= 400; n += 1) {
				const name = ['created', 'created', 'updated', 'deleted'][pick(4)]!;
				const item = { id: pick(40), n };
				apply(list, name, item);
				plain = naive(plain, name, item, options);
				if (pick(3) === 0) expect(list.read(), `seed ${seed}, event ${n}`).toEqual(plain);
			}
			for (const [at, { id }] of plain.entries()) expect(list.find(id)).toBe(at);
			expect(list.find(99)).toBe(-1);
		}
	});
});

interface Item {
	readonly id: number;
	readonly n: number;
}

/** `crud` by the letter. */
function naive(list: Item[], event: string, item: Item, { prepend, max }: MergeOptions): Item[] {
	const isKnown = list.some(({ id }) => id === item.id);
	if (event === 'deleted') return list.filter(({ id }) => id !== item.id);
	if (isKnown) return list.map((other) => (other.id === item.id ? item : other));
	if (event === 'updated') return list;
	const longer = prepend ? [item, ...list] : [...list, item];
	if (max === 0 || longer.length <= max) return longer;
	return prepend ? longer.slice(0, max) : longer.slice(-max);
}

/** Numbers from 0 up to 1 that a seed determines (mulberry32). */
function seeded(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}

import { describe, expect, test } from 'vitest';
import type { MergeOptions } from '../../plugins/streams/frames.ts';
import { initial, merge } from '../../plugins/streams/merge/index.ts';

const CRUD: MergeOptions = { merge: 'crud', key: 'id', prepend: false, max: 0 };
const LATEST: MergeOptions = { merge: 'latest', key: 'id', prepend: false, max: 50 };
const SET: MergeOptions = { merge: 'set', key: 'id', prepend: false, max: 0 };

const items = (...ids: unknown[]): { id: unknown }[] => ids.map((id) => ({ id }));

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
	expect(initial([1, 2, 3], { ...SET, max: 1 })).toEqual([1, 2, 3]);
});

test('a strategy that this client does not know keeps the value', () => {
	const value = {};
	for (const name of ['presence', '__proto__', 'constructor']) {
		expect(merge(value, 'created', { id: 1 }, { ...CRUD, merge: name as never })).toBe(value);
	}
});

import { expect, test } from 'vitest';
import { orderOf } from '../../plugins/streams/pipe/order.ts';

const DAY = new Date('2026-01-02');
const NO_DAY = new Date(NaN);

function ordered(values: readonly unknown[], dir: 'asc' | 'desc'): unknown[] {
	const items = values.map((at, id) => ({ id, at }));
	return items.toSorted(orderOf([{ field: 'at', dir }], 'id')).map(({ at }) => at);
}

test('numbers, dates and booleans stand before text, and what is missing last, either way', () => {
	const values = ['b', null, 2, NaN, DAY, 'B', true, undefined, 10n, NO_DAY, -1];
	const missing = { asc: [null, NaN, undefined, NO_DAY], desc: [NO_DAY, undefined, NaN, null] };

	expect(ordered(values, 'asc')).toEqual([-1, true, 2, 10n, DAY, 'B', 'b', ...missing.asc]);
	expect(ordered(values, 'desc')).toEqual(['b', 'B', DAY, 10n, 2, true, -1, ...missing.desc]);
});

test('equal items stand in the order of their keys, in the direction of the field that decides first', () => {
	const items = [3, 1, 2].map((id) => ({ id, at: 0, by: 'a' }));
	const ids = (dir: 'asc' | 'desc'): number[] => {
		const sorts = [
			{ field: 'at', dir },
			{ field: 'by', dir: 'asc' as const }
		];
		return items.toSorted(orderOf(sorts, 'id')).map(({ id }) => id);
	};

	expect(ids('asc')).toEqual([1, 2, 3]);
	expect(ids('desc')).toEqual([3, 2, 1]);
});

test('a field is an item’s own, and what has none is in the order that it came in', () => {
	const items = [{ id: 2 }, 'text', { id: 1 }];

	expect(items.toSorted(orderOf([{ field: 'toString', dir: 'asc' }], 'id'))).toEqual([
		{ id: 1 },
		{ id: 2 },
		'text'
	]);
});

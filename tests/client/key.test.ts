import { expect, test } from 'vitest';
import { keyOf } from '../../plugins/streams/key.ts';

class Point {
	readonly x: number;
	constructor(x: number) {
		this.x = x;
	}
}
const transport = {
	Point: {
		encode: (value: unknown) => value instanceof Point && [value.x],
		decode: ([x]: [number]) => new Point(x)
	}
};

// Each of them is another argument than all the rest.
// prettier-ignore
const DISTINCT: unknown[] = [
	1, '1', 1n, '1n', -1, 0, -0, '0', '-0', NaN, 'NaN', Infinity, -Infinity, true, 'true', null, 'null',
	undefined, 'u', '', [], [''], [[]], ['a', 'b'], ['a,b'], ['["a"]'], [1, 2], [12], {}, { a: 1 },
	{ a: '1' }, { a: undefined }, { 'a":1,"b': 2 }, { a: 1, b: 2 }, new Date(1), 'D1', new Date(2),
	new Date(NaN), new Map(), new Map([[1, 2]]), new Map([['1', 2]]), new Set(), new Set([1]),
	new Set(['1']), 'M[]', 'S[]', new Point(1), new Point(2), '@"Point"[1]', /a/, /a/, Symbol('s')
];

test('different arguments have different keys', () => {
	const keys = DISTINCT.map((value) => keyOf(value, transport));

	expect(new Set(keys).size).toBe(DISTINCT.length);
});

test('equal arguments have equal keys, whatever the order of their fields', () => {
	const make = (): unknown[] => [
		{ a: 1, b: [new Date(5), { d: 1, c: new Map([['x', new Set([1n])]]) }] },
		new Point(3)
	];
	const [first] = make();

	expect(keyOf(make(), transport)).toBe(keyOf(make(), transport));
	expect(keyOf({ b: (first as { b: unknown }).b, a: 1 }, transport)).toBe(keyOf(first, transport));
});

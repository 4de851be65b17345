import { expect, test } from 'vitest';
import * as devalue from 'devalue';
import { createValueCodec, LiveError, type ValueCodec } from 'svelte-realtime/kernel';
import { isPlain } from '../../kernel/plain.ts';

class Vector {
	readonly x: number;
	readonly y: number;
	constructor(x: number, y: number) {
		this.x = x;
		this.y = y;
	}
}

const codec = createValueCodec();
const withVector = createValueCodec({
	Vector: {
		encode: (value) => value instanceof Vector && [value.x, value.y],
		decode: ([x, y]: [number, number]) => new Vector(x, y)
	}
});

/** Over the wire and back. */
function roundTrip(value: unknown, { encode, decode }: ValueCodec = codec): unknown {
	const { json, devalue } = encode(value, 'a test');
	return json === undefined ? undefined : decode(JSON.parse(json), devalue);
}

const cycle: { self?: unknown; name: string } = { name: 'a' };
cycle.self = cycle;
const shared = { n: 1 };

test.each<[string, unknown, isPlain: boolean]>([
	['a text', 'größe 😀 \u2028', true],
	['null', null, true],
	['true', true, true],
	['0', 0, true],
	['-1.5e300', -1.5e300, true],
	['plain data', { a: [1, 'x', { b: null }], c: {} }, true],
	['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), true],
	['an empty array', [], true],
	['-0', -0, false],
	['NaN', NaN, false],
	['Infinity', { n: Infinity }, false],
	['-Infinity', [-Infinity], false],
	['undefined in an array', [1, undefined], false],
	['a bigint', 12345678901234567890n, false],
	['a date', { at: new Date(0) }, false],
	[
		'a map',
		new Map<unknown, unknown>([
			['a', new Set([1, 'b'])],
			[2, new Date(5)]
		]),
		false
	],
	['a set', new Set([1n, null, undefined]), false],
	['bytes', new Uint8Array([1, 2, 255]), false],
	['a URL', new URL('https://example.com/x?y=1'), false],
	['a regular expression', /a+b/gi, false]
])('%s comes back as it was', (_, value, plain) => {
	expect(isPlain(value)).toBe(plain);
	expect(codec.encode(value, 'a test').devalue).toBe(!plain);
	expect(roundTrip(value)).toEqual(value);
});

test('undefined is nothing on the wire', () => {
	expect(codec.encode(undefined, 'a test')).toEqual({ json: undefined, devalue: false });
});

test('a property that is undefined reads as undefined', () => {
	expect((roundTrip({ a: undefined, b: 1 }) as { a?: number }).a).toBeUndefined();
	expect(isPlain({ a: undefined })).toBe(true);
});

test('-0 keeps its sign', () => {
	expect(
		Object.is(roundTrip({ n: -0 } as unknown as object) && (roundTrip([-0]) as number[])[0], -0)
	).toBe(true);
});

test('holes of an array stay holes', () => {
	const back = roundTrip([1, , 3]) as unknown[];

	expect([back.length, 1 in back, back[2]]).toEqual([3, false, 3]);
});

test('a cycle and shared parts come back as such, from the server', () => {
	const back = codec.read(codec.encode(cycle, 'a test')) as typeof cycle;
	const both = codec.read(codec.encode([shared, shared, new Date(0)], 'a test')) as unknown[];

	expect(back.self).toBe(back);
	expect(both[0]).toBe(both[1]);
});

test('what the server wrote is read back, however large', () => {
	const many = Array.from({ length: 150_000 }, (_, i) => BigInt(i));

	expect(codec.read(codec.encode(many, 'a test'))).toEqual(many);
	expect(codec.read(codec.encode(undefined, 'a test'))).toBeUndefined();
	expect(codec.read(codec.encode({ a: 1 }, 'a test'))).toEqual({ a: 1 });
});

test('what is nested deeper than the fast path looks comes back', () => {
	let value: unknown = 'bottom';
	for (let i = 0; i < 500; i += 1) value = [value];

	expect(roundTrip(value)).toEqual(value);
});

test('types of the app come back as such, wherever they stand', () => {
	const value = { from: new Vector(1, 2), more: new Map([['to', new Vector(3, 4)]]) };

	const back = roundTrip(value, withVector) as typeof value;

	expect(back.from).toBeInstanceOf(Vector);
	expect(back).toEqual(value);
});

test('an own property named __proto__ is no fast path and no prototype', () => {
	const value: unknown = JSON.parse('{"__proto__":{"admin":true}}');

	expect(isPlain(value)).toBe(false);
	expect(() => codec.encode(value, 'a test')).toThrow('RT_VALUE_UNSERIALIZABLE');
});

test.each<[string, unknown]>([
	['a function', { f: () => {} }],
	['a symbol', [Symbol('x')]],
	['an object with symbols', { [Symbol('x')]: 1 }],
	['a class of the app', new Vector(1, 2)],
	['a promise', Promise.resolve(1)]
])('%s cannot be sent, and the error names what for', (_, value) => {
	expect(() => codec.encode(value, 'the result of chat/send')).toThrow(
		/RT_VALUE_UNSERIALIZABLE.*the result of chat\/send/
	);
});

// --- hostile input ---

/** 2^levels values in a few bytes. */
const laughs = (levels: number): unknown[] => [
	...Array.from({ length: levels }, (_, i) => [i + 1, i + 1]),
	'ha'
];

const polluting: unknown = JSON.parse('[{"__proto__":1},{"admin":2},true]');

test.each<[string, unknown]>([
	['nothing', undefined],
	['null', null],
	['a text', 'x'],
	['an object', {}],
	['an empty list', []],
	['an index that is none', [[7]]],
	['an index on its own', 0],
	['a type that nobody knows', [['Rocket', 1], 1]],
	['a type named like a part of a prototype', [['constructor', 1], 1]],
	['a type named __proto__', [['__proto__', 1], 1]],
	['a type named hasOwnProperty', [['hasOwnProperty', 1], 1]],
	['a broken regular expression', [['RegExp', '(', 'z']]],
	['a big integer that is none', [['BigInt', 'x']]],
	['bytes of nothing', [['Uint8Array', 5]]],
	['bytes of itself', [['Uint8Array', 0]]],
	['a cycle', [[0]]],
	['a cycle over a map', [['Map', 1, 0], 'x']],
	['a cycle over two', [{ a: 1 }, { b: 0 }]],
	['a type of the app around itself', [['Vector', 0]]],
	['a sparse array without end', [[-7, 4294967295]]],
	['a sparse array below', [{ a: 1 }, [-7, 1000000]]],
	['a prototype', polluting],
	['a prototype in an object without one', [['null', '__proto__', 1], 5]],
	['30 doublings', laughs(30)],
	['1000 doublings', laughs(1000)],
	['maps that double', [...Array.from({ length: 40 }, (_, i) => ['Map', i + 1, i + 1]), 'x']],
	[
		'sets in objects that double',
		[...Array.from({ length: 60 }, (_, i) => ({ a: i + 1, b: i + 1 })), 1]
	]
])('as values of a client, %s is INVALID_REQUEST, at once', (_, flat) => {
	const begun = performance.now();

	for (const { decode } of [codec, withVector]) {
		const read = (): unknown => decode(flat, true);
		expect(read).toThrow(LiveError);
		expect(read).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
	}

	expect(performance.now() - begun).toBeLessThan(2000);
	expect(({} as { admin?: boolean }).admin).toBeUndefined();
});

test('lists nested as deep as a message allows are read or refused, and never throw otherwise', () => {
	for (const depth of [100, 1000, 3000, 8000]) {
		const flat = [...Array.from({ length: depth }, (_, i) => [i + 1]), 'x'];
		try {
			codec.decode(flat, true);
		} catch (error) {
			expect(error).toMatchObject({ code: 'INVALID_REQUEST' });
		}
	}
});

test('what devalue wrote is read, shared parts and all', () => {
	const row = { id: 1, at: new Date(0) };
	const value = [new Map([['rows', [row, row]]])];

	expect(codec.decode(JSON.parse(devalue.stringify(value)), true)).toEqual(value);
});

test('a decoder of the app that throws is INVALID_REQUEST', () => {
	const strict = createValueCodec({
		Id: {
			encode: () => false,
			decode: () => {
				throw new Error('internal detail');
			}
		}
	});
	const read = (): unknown => strict.decode([['Id', 1], 'x'], true);

	expect(read).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
	expect(read).not.toThrow('internal detail');
});

import { expect, test } from 'vitest';
import {
	BINARY_HEADER,
	decode,
	decodeBinary,
	decodeTrusted,
	encode,
	encodeBinary,
	encodeEvent,
	encodeRecord,
	encodeReply,
	idOf,
	isMalformed,
	type RawFrame
} from '../../kernel/protocol.ts';

const BATCH = 50;
const frames = (count: number): object[] =>
	Array.from({ length: count }, (_, id) => ({ type: 'x', id }));

test('a frame is read as it was written', () => {
	expect(decode('{"type":"rpc","id":1}', BATCH)).toEqual({ type: 'rpc', id: 1 });
	expect(decode(JSON.stringify(frames(50)), BATCH)).toEqual(frames(50));
});

test.each<[string, string, (number | null)[]]>([
	['nothing', '', [null]],
	['what is not JSON', '{"type":"rpc",', [null]],
	['a number', '7', [null]],
	['null', 'null', [null]],
	['a string', '"rpc"', [null]],
	['an object without a type', '{"id":4}', [4]],
	['a type that is no string', '{"type":1,"id":4}', [4]],
	['an empty array', '[]', [null]],
	['an array with something else', '[{"type":"x","id":1},7]', [1, null]],
	['an array in an array', '[[{"type":"x","id":1}]]', [null]],
	['an id that is no whole number', '{"id":1.5}', [null]],
	['an id that is negative', '{"id":-1}', [null]],
	['an id that is a text', '{"id":"1"}', [null]],
	['an id beyond what a number can hold', '{"id":9007199254740992}', [null]],
	['a byte order mark', '\ufeff{"type":"x"}', [null]]
])('%s is malformed, and says who is owed an answer', (_, text, ids) => {
	const message = decode(text, BATCH);

	expect(isMalformed(message)).toBe(true);
	expect(message).toMatchObject({ ids });
});

test('51 frames are refused as a whole, each with its id', () => {
	const message = decode(JSON.stringify(frames(51)), BATCH);

	expect(message).toMatchObject({
		malformed: 'A message holds at most 50 frames.',
		ids: frames(51).map(idOf)
	});
});

test('a frame with fields like those of a refusal is a frame', () => {
	const frame = { type: 'x', malformed: 'no', ids: [1] };

	expect(isMalformed(decode(JSON.stringify(frame), BATCH))).toBe(false);
});

test('names of prototypes are fields like others', () => {
	const message = decode('{"type":"x","__proto__":{"id":5},"constructor":1}', BATCH) as RawFrame;

	expect(idOf(message)).toBe(null);
	expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
});

test('a client leaves out what is no frame', () => {
	expect(decodeTrusted('{"type":"x"}')).toEqual([{ type: 'x' }]);
	expect(decodeTrusted('[{"type":"x"},7,{"type":"y"}]')).toEqual([{ type: 'x' }, { type: 'y' }]);
	expect(decodeTrusted('nonsense')).toEqual([]);
	expect(decodeTrusted('null')).toEqual([]);
});

// --- encoding ---

const json = (value: unknown): { json: string | undefined; devalue: boolean } => ({
	json: JSON.stringify(value),
	devalue: false
});

test.each<[string, unknown]>([
	[encode({ type: 'reply', id: 1, data: 2 }), { type: 'reply', id: 1, data: 2 }],
	[encode({ type: 'reply', id: 1 }, json({ a: 1 })), { type: 'reply', id: 1, data: { a: 1 } }],
	[
		encode<'reply', 'error'>({ type: 'reply', id: 1 }, undefined, { error: '{"code":"X"}' }),
		{ type: 'reply', id: 1, error: { code: 'X' } }
	],
	[encodeReply(3, json(undefined)), { type: 'reply', id: 3 }],
	[
		encodeReply(3, { json: '[1]', devalue: true }),
		{ type: 'reply', id: 3, data: [1], devalue: true }
	],
	[
		encodeEvent('t', 'e', json(null), undefined, true),
		{ type: 'event', topic: 't', event: 'e', data: null }
	],
	[
		encodeEvent('"\\', 'ü\n', json(1), { epoch: 'é"', seq: 2 }, true),
		{ type: 'event', topic: '"\\', event: 'ü\n', data: 1, seq: 2, epoch: 'é"' }
	],
	[
		encodeEvent('t', 'e', json(1), { epoch: 'x', seq: 2 }, false),
		{ type: 'event', topic: 't', event: 'e', data: 1, seq: 2 }
	],
	[encodeRecord('e', json('x'), 4), { event: 'e', data: 'x', seq: 4 }]
])('%s is what it says', (text, value) => {
	expect(JSON.parse(text)).toEqual(value);
});

// --- binary frames ---

test('a binary frame comes back as it was', () => {
	const frame = { type: 'upload', id: 7, name: 'größe' };
	const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 256);

	expect(decodeBinary(encodeBinary(frame, bytes))).toEqual({ frame, bytes });
	expect(decodeBinary(encodeBinary(frame, new Uint8Array()))).toEqual({
		frame,
		bytes: new Uint8Array()
	});
});

test('a header as long as a header can be comes back, and a longer one is refused', () => {
	const frame = (length: number): RawFrame => ({ type: 'x'.repeat(length - '{"type":""}'.length) });
	const longest = frame(BINARY_HEADER);

	expect(decodeBinary(encodeBinary(longest, new Uint8Array(1)))).toMatchObject({ frame: longest });
	expect(() => encodeBinary(frame(BINARY_HEADER + 1), new Uint8Array())).toThrow(RangeError);
});

test('cut off anywhere in its header, a binary frame is malformed', () => {
	const message = encodeBinary({ type: 'upload', id: 7 }, new Uint8Array());

	for (let length = 0; length < message.byteLength; length += 1) {
		expect(decodeBinary(message.subarray(0, length)), `${length} bytes`).toMatchObject({
			ids: [null]
		});
	}
});

test.each([
	['no JSON', 'nonsense'],
	['no frame', '{"id":1}'],
	['several frames', '[{"type":"x"}]'],
	['empty', '']
])('a binary header that is %s is malformed', (_, header) => {
	const encoded = new TextEncoder().encode(header);

	expect(decodeBinary(Uint8Array.of(0, encoded.byteLength, ...encoded))).toHaveProperty(
		'malformed'
	);
});

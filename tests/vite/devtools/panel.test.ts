import { expect, test } from 'vitest';
import {
	count,
	duration,
	entriesOf,
	preview,
	signature,
	size
} from '../../../vite/devtools/panel/text.ts';
import { shortcut } from '../../../vite/devtools/shortcut.ts';

test('a preview is one short line, whatever the value is', () => {
	const circle: Record<string, unknown> = { name: 'circle' };
	circle['self'] = circle;
	const trap = Object.defineProperty({}, 'x', {
		enumerable: true,
		get() {
			throw new Error('No.');
		}
	});

	expect(preview({ id: 1, text: 'a "b"', none: null, on: true })).toBe(
		'{ id: 1, text: "a \\"b\\"", none: null, on: true }'
	);
	expect(preview([1n, -0, undefined, Number.NaN, () => 1])).toBe('[1n, -0, undefined, NaN, ƒ]');
	expect(preview(new Map([[{ a: 1 }, new Set([1])]]))).toBe('Map { { a: 1 }: Set [1] }');
	expect(preview(new Date(0))).toBe('1970-01-01T00:00:00.000Z');
	expect(preview(new Date(Number.NaN))).toBe('Invalid Date');
	expect(preview(circle)).toBe('{ name: "circle", self: { name: "circle", self: {…} } }');
	expect(preview(trap)).toBe('{ x: Error: No. }');
	expect(preview(Object.create(null))).toBe('{}');
	expect(preview('x'.repeat(1e6)).length).toBe(120);
	expect(preview(Array.from({ length: 1e5 }, (_, at) => ({ at }))).length).toBe(120);
});

test('what can be opened has entries, and nothing else', () => {
	expect(entriesOf([7])).toEqual([['0', 7]]);
	expect(entriesOf(new Map([['k', 1]]))).toEqual([['"k"', 1]]);
	expect([1, 'text', null, undefined, new Date(), new Error('no')].map(entriesOf)).toEqual(
		Array.from({ length: 6 })
	);
});

test('a stream is named by its path and its arguments', () => {
	expect(signature('chat/list', [])).toBe('chat/list');
	expect(signature('chat/room', ['lobby', { page: 2 }])).toBe('chat/room("lobby", { page: 2 })');
});

test('amounts are written with their unit', () => {
	expect([0, 999, 1234, 45_678, 12_345_678].map(size)).toEqual([
		...['0 B', '999 B', '1.2 kB', '46 kB', '12 MB']
	]);
	expect([4.4, 9999, 25_000, 61_234].map(duration)).toEqual(['4 ms', '9999 ms', '25 s', '61.2 s']);
	expect([count(1, 'entry'), count(2, 'entry'), count(0, 'call')]).toEqual([
		...['1 entry', '2 entries', '0 calls']
	]);
});

/** A press of a key. */
function press(key: string, code: string, ...held: readonly string[]): KeyboardEvent {
	const is = (name: string): boolean => held.includes(name);
	return {
		...{ key, code },
		...{ ctrlKey: is('ctrl'), shiftKey: is('shift'), altKey: is('alt'), metaKey: is('meta') }
	} as KeyboardEvent;
}

test('a shortcut is its own keys, no more and no fewer, on any layout', () => {
	const { matches, label } = shortcut('ctrl+shift+l');

	expect(label).toBe('Ctrl+Shift+L');
	expect(matches(press('L', 'KeyL', 'ctrl', 'shift'))).toBe(true);
	// The key in the same place of a Greek layout.
	expect(matches(press('Λ', 'KeyL', 'ctrl', 'shift'))).toBe(true);
	expect(matches(press('l', 'KeyL', 'ctrl'))).toBe(false);
	expect(matches(press('L', 'KeyL', 'ctrl', 'shift', 'alt'))).toBe(false);
	expect(matches(press('K', 'KeyK', 'ctrl', 'shift'))).toBe(false);
	expect(shortcut('alt+F2').matches(press('F2', 'F2', 'alt'))).toBe(true);
});

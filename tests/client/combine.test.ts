import { combine, type Combined } from 'svelte-realtime/client';
import { derived, writable } from 'svelte/store';
import { expect, test, vi } from 'vitest';
import { bench, event, settle, snapshot } from './fake-server.ts';

function watch<T>(store: Combined<T>): { seen: T[]; leave(): void } {
	const seen: T[] = [];
	return { seen, leave: store.subscribe((value) => void seen.push(value)) };
}

test('nothing is followed or computed before somebody reads, nor after the last one left', async () => {
	const { client, open, sockets } = bench();
	const fn = vi.fn((list: unknown) => list);
	const store = combine(client.stream('s'), fn);
	await settle();
	expect([sockets.length, fn.mock.calls.length]).toEqual([0, 0]);

	const { seen, leave } = watch(store);
	const socket = await open();
	socket.deliver(snapshot(1, [1], 5));
	await settle();
	leave();
	await settle();

	expect(seen).toEqual([undefined, [1]]);
	expect(socket.frames.map(({ type }) => type)).toEqual(['stream', 'stream:end']);
});

test('what changes together is computed once, with all stores as they are at one time', async () => {
	const { client, open } = bench();
	const [one, two] = [client.stream('a'), client.stream('b')];
	const fn = vi.fn((a: unknown, b: unknown) => [a, b]);
	const { seen } = watch(combine(one, two, fn));
	const socket = await open();
	const other = { topic: 'u' };
	socket.deliver(
		snapshot(1, 1, 5, { merge: 'set' }),
		snapshot(2, 1, 5, { merge: 'set', ...other })
	);
	await settle();

	socket.deliver(event('set', 2, 6), { ...event('set', 2, 6), ...other });
	await settle();

	expect(seen).toEqual([
		[undefined, undefined],
		[1, 1],
		[2, 2]
	]);
	expect(fn).toHaveBeenCalledTimes(3);
});

test('two ways from the same store never disagree', async () => {
	const count = writable(1);
	const doubled = combine(count, (n) => n * 2);
	const viaSvelte = derived(count, (n) => n * 3);
	const { seen } = watch(combine(count, doubled, viaSvelte, (n, two, three) => [n, two, three]));

	count.set(2);
	count.set(3);
	await settle();

	expect(seen).toEqual([
		[1, 2, 3],
		[3, 6, 9]
	]);
});

test('a result that is the same is not told, and the function does not run for inputs that are', async () => {
	const count = writable(1);
	const fn = vi.fn((n: number) => n % 2);
	const { seen } = watch(combine(count, fn));

	count.set(3);
	await settle();
	count.set(4);
	count.set(3);
	await settle();

	expect(seen).toEqual([1]);
	expect(fn).toHaveBeenCalledTimes(2);
});

test('the value can be read without a subscriber', () => {
	const count = writable(1);
	const store = combine(count, (n) => n + 1);

	expect(store.current).toBe(2);
	count.set(2);
	expect(store.current).toBe(3);
});

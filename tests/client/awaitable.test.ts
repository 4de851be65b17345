import { __awaitable, installFeatures } from 'svelte-realtime/client';
import { expect, test } from 'vitest';

installFeatures();

test('a stream that can be awaited has the members of any other, with arguments and without', async () => {
	const stub = __awaitable('m/s', () => {
		throw new Error('Nothing is being hydrated.');
	});

	for (const store of [stub, stub('room')]) {
		const { current, error, loading, ready, connected, stale, position, hasMore } = store;
		expect([current, error, position]).toEqual([undefined, undefined, undefined]);
		expect([loading, ready, connected, stale, hasMore]).toEqual([true, false, false, false, false]);
		expect(await store.loadMore()).toBe(false);
		expect(await Promise.resolve(store.when(false))).toBe(undefined);
		expect(store[Symbol.asyncIterator]).toBeTypeOf('function');
	}
	expect(() => stub.load()).toThrow('load');
	expect(stub.hydrate).toBeTypeOf('function');
});

import { expect, test } from 'vitest';
import { single } from 'svelte-realtime/presets';
import { startKernel } from '../kernel/tracked.ts';

test('single() is these plugins, in this order, on these hooks', async () => {
	const kernel = await startKernel(single());

	expect(kernel.describe()).toMatchInlineSnapshot(`
		"rpc (0 ms): provides rpc
		replay (0 ms): provides replay; uses replay.log
		streams (0 ms): provides streams; requires rpc, replay
		  message: rpc (rpc) → rpc (rpc:session) → rpc (rpc:cancel) → streams (stream) → streams (stream:end)
		  publish: replay (logged)
		  drain: streams
		  close: rpc → streams
		  ready: rpc"
	`);
});

test('single() hands its options on', () => {
	expect(() => single({ replay: { size: 0 } })).toThrow('"size" of replay()');
});

test('each single() is of its own', async () => {
	const [one, two] = [await startKernel(single()), await startKernel(single())];

	void one.publish('news', 'e', 1);

	expect(two.publish('news', 'e', 1)).toMatchObject({ position: { seq: 1 } });
});

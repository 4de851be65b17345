import { expect, test } from 'vitest';
import { health, type HealthEntry } from 'svelte-realtime/plugins/health';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

async function start() {
	const kernel = await startKernel([rpc(), replay(), streams(), health()]);
	return { kernel, service: kernel.use('health') };
}

test('it keeps how each backend stands, and since when', async () => {
	const { kernel, service } = await start();
	const begun = kernel.clock.now();

	service.set('redis:log', 'degraded', { reason: 'no answer', breaker: 'open' });
	await kernel.clock.advance(1000);
	service.set('redis:log', 'degraded', { breaker: 'half-open' });
	service.set('mail', 'ok');

	expect(service.states()).toEqual([
		{ name: 'redis:log', state: 'degraded', since: begun, breaker: 'half-open' },
		{ name: 'mail', state: 'ok', since: begun + 1000 }
	]);
});

test('who watches is told of each change, once, until they stop; one who fails stops nobody', async () => {
	const { kernel, service } = await start();
	const seen: HealthEntry[] = [];
	service.watch(() => {
		throw new Error('mine');
	});
	const stop = service.watch((entry) => void seen.push(entry));

	service.set('redis', 'degraded');
	service.set('redis', 'degraded');
	service.set('redis', 'ok');
	stop();
	stop();
	service.set('redis', 'degraded');

	expect(seen.map(({ state }) => state)).toEqual(['degraded', 'ok']);
	expect(takeErrors(kernel)).toEqual(Array(3).fill('health Error: mine'));
});

test('no client can follow, or publish to, what the server tells its pages', async () => {
	const { kernel, service } = await start();
	const connection = await kernel.connect();

	connection.send({ type: 'stream:subscribe', id: 1, path: '__health' });
	connection.send({ type: 'health:state', state: 'degraded' });
	connection.take();
	service.set('redis', 'degraded');

	expect(connection.take()).toEqual([]);
	expect(service.states()).toHaveLength(1);
});

test('a connection that asks many times is in the topic once', async () => {
	const { kernel, service } = await start();
	const connection = await kernel.connect();

	for (let n = 0; n < 5; n += 1) connection.send({ type: 'health:watch' });
	expect(connection.take()).toEqual(
		Array(5).fill({ type: 'health:state', state: 'ok', what: [], for: 0 })
	);
	service.set('redis', 'degraded');

	expect(connection.take()).toHaveLength(1);
});

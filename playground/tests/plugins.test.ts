import { expect, test } from 'vitest';
import { cookies, startApp } from './app';

type Plugins = typeof import('../src/live/plugins');

test('who knocks too often waits, and may knock again later', async () => {
	await using app = await startApp();
	const ada = await app.connect(undefined, cookies());
	const { knock } = ada.live<Plugins>('plugins');

	for (let i = 0; i < 5; i += 1) expect(await knock()).toMatchObject({ allowed: true });
	expect(await knock()).toMatchObject({ allowed: false, retryAfterMs: 2000 });
	await app.clock.advance(2000);

	expect(await knock()).toMatchObject({ allowed: true });
});

test('of twenty values at once, the last one comes through a throttle and a debounce', async () => {
	await using app = await startApp();
	const ada = await app.connect(undefined, cookies());
	const { burst, throttled, debounced } = ada.live<Plugins>('plugins');
	const streams = [ada.subscribe(throttled), ada.subscribe(debounced)];
	await Promise.all(streams.map((stream) => stream.waitFor()));

	await burst();
	await app.clock.advance(500);

	expect(streams.map(({ current }) => current)).toEqual([20, 20]);
	expect(streams.map(({ events }) => events.map(({ data }) => data))).toEqual([[1, 20], [20]]);
});

test('a payment is booked once, however often it is told', async () => {
	await using app = await startApp();
	const ada = await app.connect(undefined, cookies());
	const counts = ada.subscribe(ada.live<Plugins>('plugins').counts);
	const payment = { id: crypto.randomUUID() };

	const { pay } = ada.live<Plugins>('plugins');
	const told = await Promise.all([1, 2, 3].map(() => pay(payment)));
	expect(told.map(({ first }) => first)).toEqual([true, false, false]);
	await app.clock.advance(1000);

	expect(counts.current?.tallies['booked']).toBe(1);
});

test('a visitor is counted by the cookie, until the server starts anew', async () => {
	await using app = await startApp();
	const browser = cookies();
	const ada = await app.connect(undefined, browser);
	const tab = await app.connect(undefined, browser);

	expect(await ada.call('plugins/visit')).toBe(1);
	expect(await tab.call('plugins/visit')).toBe(2);
	await app.restart();
	expect(await ada.call('plugins/visit')).toBe(1);
});

test('a channel lets through only what its schema says', async () => {
	await using app = await startApp();
	const ada = await app.connect(undefined, cookies());
	const { dice } = ada.live<Plugins>('plugins');
	const rolls = ada.subscribe(dice);
	await rolls.waitFor();

	await dice.publish('rolled', { eyes: 6 });
	await expect(dice.publish('rolled', { eyes: 7 })).rejects.toMatchObject({ code: 'VALIDATION' });

	await rolls.waitFor((list) => list.length === 1);
	expect(rolls.events).toMatchObject([{ event: 'rolled', data: { eyes: 6 } }]);
});

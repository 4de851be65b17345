import { expect, test } from 'vitest';
import { live, type LiveContext } from 'svelte-realtime';
import { onSignal } from 'svelte-realtime/client';
import { settle } from './fake-server.ts';
import { network, type Network } from './network.ts';

const touch = live((ctx: LiveContext) => ctx.user);

async function page(net: Network, id: string) {
	net.data = { user: { id } };
	const client = net.client();
	await client.call('app/touch')();
	return client;
}

async function pass(net: Network, ms: number): Promise<void> {
	await net.clock.advance(ms);
	await net.kernel.clock.advance(ms);
	await settle();
}

test('a page hears all signals of its user, or those of one name, until it listens no longer', async () => {
	const net = await network({ app: { touch } });
	const client = await page(net, 'ada');
	const [all, invited]: [unknown[], unknown[]] = [[], []];

	const stop = client.onSignal((event, data) => all.push([event, data]));
	client.onSignal('invited', (data) => invited.push(data));
	const signal = net.kernel.use('signal');
	void signal('ada', 'invited', 1);
	// A date is more than JSON: what reads it is fetched first.
	const arrived = new Promise((resolve) => client.onSignal('other', resolve));
	void signal('ada', 'other', new Date(0));
	await arrived;
	stop();
	stop();
	void signal('ada', 'invited', 2);
	await settle();

	expect(all).toEqual([
		['invited', 1],
		['other', new Date(0)]
	]);
	expect(invited).toEqual([1, 2]);
});

test('two pages of one user hear it both; another user hears nothing', async () => {
	const net = await network({ app: { touch } });
	const heard: string[] = [];
	for (const id of ['ada', 'ada', 'bob']) {
		const client = await page(net, id);
		client.onSignal((event) => heard.push(`${id} ${event}`));
	}

	void net.kernel.use('signal')('ada', 'hello');
	await settle();

	expect(heard).toEqual(['ada hello', 'ada hello']);
});

test('a page goes on hearing signals on its next connection', async () => {
	const net = await network({ app: { touch } });
	const client = await page(net, 'ada');
	const heard: unknown[] = [];
	client.onSignal('n', (n) => heard.push(n));

	net.cut();
	await settle();
	expect(net.kernel.use('signal')('ada', 'n', 1)).toMatchObject({ connections: 0 });
	await pass(net, 5000);
	expect(net.kernel.use('signal')('ada', 'n', 2)).toMatchObject({ connections: 1 });
	await settle();

	expect(heard).toEqual([2]);
});

test('listening alone opens a connection; a listener that fails keeps nothing from the others', async () => {
	const net = await network({ app: { touch } });
	net.data = { user: { id: 'ada' } };
	const client = net.client();
	const heard: unknown[] = [];
	const listener = (data: unknown) => heard.push(data);
	const shown: unknown[] = [];
	const { reportError } = globalThis;
	globalThis.reportError = (error) => shown.push(error);

	client.onSignal(() => {
		throw new Error('mine');
	});
	client.onSignal('a', listener);
	client.onSignal('a', listener);
	await settle();
	void net.kernel.use('signal')('ada', 'a', 1);
	await settle();
	globalThis.reportError = reportError;

	expect(client.connection.status).toBe('open');
	expect(heard).toEqual([1, 1]);
	expect(shown).toEqual([new Error('mine')]);
});

test('while a page is rendered nothing is opened', () => {
	expect(() => onSignal('a', () => {})()).not.toThrow();
});

import { expect, test, vi } from 'vitest';
import { live, type LiveContext } from 'svelte-realtime';
import { createClientKernel } from '../../kernel/client/index.ts';
import { healthOf, type HealthStatus } from '../../plugins/health/client.ts';
import type { Health } from 'svelte-realtime/plugins/health';
import { settle } from './fake-server.ts';
import { network, type Network } from './network.ts';

// As in reactive.test.ts: what reacts is the browser's half of Svelte.
const source = vi.hoisted(() => '../../node_modules/svelte/src');
vi.mock('svelte/reactivity', () => import(`${source}/reactivity/index-client.js`));
const svelte = (await import(`${source}/internal/client/index.js`)) as {
	effect_root(run: () => void): () => void;
	user_effect(run: () => void): void;
};

const touch = live((ctx: LiveContext) => ctx.user);

async function start() {
	const net = await network({ app: { touch } });
	const page = (): HealthStatus => {
		const kernel = createClientKernel({
			url: 'ws://test',
			WebSocket: net.WebSocket,
			clock: net.clock,
			random: () => 0.5
		});
		return healthOf(kernel);
	};
	const set = (state: 'ok' | 'degraded', name = 'redis:log'): void =>
		(net.kernel.use('health') as Health).set(name, state, { reason: 'a host of ours' });
	return { net, page, set };
}

/** What a page has been told, as it came. */
function told(health: HealthStatus): string[] {
	const seen: string[] = [];
	health.subscribe(({ state, what }) => seen.push([state, ...what].join(' ')));
	return seen;
}

/** Both clocks go on. */
async function pass(net: Network, ms: number): Promise<void> {
	await net.clock.advance(ms);
	await net.kernel.clock.advance(ms);
	await settle();
}

test('a page is told that the server is degraded, with what, and that it has recovered', async () => {
	const { net, page, set } = await start();
	const health = page();
	const seen = told(health);
	await settle();
	expect(health.since).toBeInstanceOf(Date);

	set('degraded');
	await settle();
	await pass(net, 5000);
	set('degraded', 'mail');
	set('ok');
	await settle();
	set('ok', 'mail');
	await settle();

	expect(seen).toEqual([
		'ok',
		'ok',
		'degraded redis',
		'degraded mail redis',
		'degraded mail',
		'ok'
	]);
	expect(net.messages.join()).not.toContain('a host of ours');
});

test('a page that comes later, or again, is told how it stands by now, and for how long', async () => {
	const { net, page, set } = await start();
	const first = told(page());
	await settle();
	set('degraded');
	await pass(net, 60_000);

	const late = page();
	const seen = told(late);
	await settle();
	expect(seen).toEqual(['ok', 'degraded redis']);
	expect(net.clock.now() - late.since!.getTime()).toBe(60_000);

	net.cut();
	await settle();
	set('ok');
	await pass(net, 10_000);
	await settle();
	expect([first.at(-1), seen.at(-1)]).toEqual(['ok', 'ok']);
});

test('a page that does not ask is sent nothing', async () => {
	const { net, set } = await start();
	await net.client().call('app/touch')();
	const before = net.messages.length;

	set('degraded');
	set('ok');
	await settle();

	expect(net.messages).toHaveLength(before);
});

test('many readers of a page ask once; one that stops is told no more', async () => {
	const { net, page, set } = await start();
	const health = page();
	const seen: string[] = [];
	const stop = health.subscribe(({ state }) => seen.push(state));
	told(health);
	await settle();
	expect(net.messages.filter((text) => text.includes('health:watch'))).toHaveLength(1);

	stop();
	set('degraded');
	await settle();

	expect(seen).toEqual(['ok', 'ok']);
});

test('an effect that reads it runs again with each change', async () => {
	const { page, set } = await start();
	const health = page();
	const seen: string[] = [];
	const destroy = svelte.effect_root(() => {
		svelte.user_effect(() => void seen.push(health.state));
	});
	await settle();
	set('degraded');
	await settle();
	set('ok');
	await settle();
	destroy();

	expect(seen).toEqual(['ok', 'ok', 'degraded', 'ok']);
});

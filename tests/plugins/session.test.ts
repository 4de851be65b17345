import { describe, expect, test } from 'vitest';
import { definePlugin } from 'svelte-realtime/kernel';
import { live } from 'svelte-realtime';
import { rpc } from 'svelte-realtime/plugins/rpc';
import {
	memorySessions,
	session,
	type SessionOptions,
	type SessionStore
} from 'svelte-realtime/plugins/session';
import { provided, VirtualClock } from 'svelte-realtime/testing';
import { sessionStoreContract } from '../contracts/session-store.ts';
import { startKernel } from '../kernel/tracked.ts';

sessionStoreContract('memory', async (ttl) => {
	const clock = new VirtualClock();
	return {
		store: memorySessions({ clock, ttl, size: 100 }),
		elapse: (ms) => clock.advance(ms),
		close: async () => {}
	};
});

async function start(options: SessionOptions = {}) {
	const limits: string[] = [];
	const watching = definePlugin({
		name: 'watching',
		setup: (kernel) => void kernel.hook('limited', ({ limit }) => void limits.push(limit))
	});
	const kernel = await startKernel([session(options), watching]);
	return { kernel, clock: kernel.clock, session: kernel.use('session'), limits };
}

describe('past its size', () => {
	test('the session used longest ago goes, and it is counted', async () => {
		const { session, limits } = await start({ size: 3 });
		for (const id of ['a', 'b', 'c', 'd']) void session.set(id, id);

		expect(session.get('a')).toBeUndefined();
		expect(['b', 'c', 'd'].map((id) => session.get(id))).toEqual(['b', 'c', 'd']);
		expect(limits).toEqual(['session.size']);
	});

	test('use decides which one that is: reading, touching, setting', async () => {
		const { session } = await start({ size: 4 });
		for (const id of ['read', 'touched', 'set', 'idle']) void session.set(id, id);
		void session.get('read');
		void session.touch('touched');
		void session.set('set', 'again');

		void session.set('new', 1);

		const left = ['read', 'touched', 'set', 'idle', 'new'].filter((id) => session.touch(id));
		expect(left).toEqual(['read', 'touched', 'set', 'new']);
	});

	test('what is over makes room before anybody has to go', async () => {
		const { session, clock, limits } = await start({ size: 2, ttl: 100 });
		void session.set('old', 1);
		await clock.advance(60);
		void session.set('young', 2);
		await clock.advance(40);

		void session.set('new', 3);

		expect([session.get('young'), session.get('new')]).toEqual([2, 3]);
		expect(limits).toEqual([]);
	});

	test('setting one that is there turns nobody out', async () => {
		const { session } = await start({ size: 2 });
		for (const id of ['a', 'b']) void session.set(id, id);

		for (let i = 0; i < 10; i += 1) void session.set('b', i);

		expect(session.get('a')).toBe('a');
	});
});

test('sessions that nobody asks for any more leave no timer behind', async () => {
	const { session, clock } = await start({ ttl: 100 });
	for (let i = 0; i < 50; i += 1) {
		void session.set(`id ${i}`, i);
		await clock.advance(3);
	}
	expect(clock.pending).toBe(1);

	await clock.advance(300);

	expect(clock.pending).toBe(0);
});

test('an id of more than 256 characters, or none at all, is INVALID_REQUEST', async () => {
	const { session } = await start();
	const invalid = expect.objectContaining({ code: 'INVALID_REQUEST' });

	for (const id of ['x'.repeat(257), undefined as never, { toString: () => 'a' } as never]) {
		expect(() => session.set(id, 1)).toThrow(invalid);
		expect(() => session.get(id)).toThrow(invalid);
	}
});

test.each([{ ttl: 0 }, { ttl: NaN }, { ttl: Infinity }, { size: 0 }, { size: 1.5 }])(
	'%j is RT_OPTION_INVALID',
	(options) => {
		expect(() => session(options)).toThrow(expect.objectContaining({ code: 'RT_OPTION_INVALID' }));
	}
);

test('a store of another plugin is used instead of memory, and told the time to live', async () => {
	const calls: unknown[] = [];
	const store: SessionStore = {
		get: async (...args) => void calls.push(['get', ...args]),
		set: async (...args) => void calls.push(['set', ...args]),
		touch: async (...args) => calls.push(['touch', ...args]) > 0,
		delete: async (...args) => calls.push(['delete', ...args]) > 0
	};
	const kernel = await startKernel([provided('session.store', store), session({ ttl: 500 })]);
	const sessions = kernel.use('session');

	await sessions.set('a', 1);
	await sessions.get('a');
	await sessions.touch('a');
	await sessions.delete('a');

	expect(calls).toEqual([
		['set', 'a', 1, 500],
		['get', 'a', 500],
		['touch', 'a', 500],
		['delete', 'a']
	]);
});

test('a live function has it as ctx.session', async () => {
	const kernel = await startKernel([rpc(), session()]);
	const add = live(async (ctx, item: string) => {
		const cart = [...((await ctx.session.get<string[]>('ada')) ?? []), item];
		await ctx.session.set('ada', cart);
		return cart;
	});
	kernel.use('rpc').mount({ cart: { add } });
	const ada = await kernel.connect();

	await ada.send({ type: 'rpc', id: 1, path: 'cart/add', args: ['tea'] });
	await ada.send({ type: 'rpc', id: 2, path: 'cart/add', args: ['cup'] });

	expect(ada.received.at(-1)).toMatchObject({ data: ['tea', 'cup'] });
});

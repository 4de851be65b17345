import { expect, test } from 'vitest';
import { createKernel, definePlugin, type Plugin } from 'svelte-realtime/kernel';
import { createTestKernel, fakeTransport, settle, VirtualClock } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from './tracked.ts';

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		one: { readonly name: string };
		two: { readonly name: string };
		'two.store': { readonly name: string };
	}
}

type Name = 'one' | 'two' | 'two.store';

/** A plugin that notes its setup and provides what it says. */
function plugin(name: string, log: string[], facts: Partial<Plugin<Name, Name>> = {}): Plugin {
	return definePlugin<Name, Name>({
		name,
		...facts,
		setup(kernel) {
			log.push(name);
			for (const capability of facts.provides ?? []) kernel.provide(capability, { name });
		}
	});
}

const nothing = (): void => {};

test('plugins are set up in the order of the list', async () => {
	const log: string[] = [];

	await startKernel([plugin('b', log), plugin('a', log), plugin('c', log)]);

	expect(log).toEqual(['b', 'a', 'c']);
});

test('providers are set up before those who require them, and before those who use them', async () => {
	const log: string[] = [];

	await startKernel([
		plugin('needs two', log, { requires: ['two'] }),
		plugin('uses the store', log, { optional: ['two.store'], provides: ['two'] }),
		plugin('other', log),
		plugin('store', log, { provides: ['two.store'] })
	]);

	expect(log).toEqual(['store', 'uses the store', 'needs two', 'other']);
});

test('what is only used may be missing', async () => {
	const kernel = await startKernel([plugin('a', [], { optional: ['one'] })]);

	expect(kernel.find('one')).toBeUndefined();
});

test('setups run one after the other', async () => {
	const log: string[] = [];
	let finish!: () => void;
	const slow = definePlugin({
		name: 'slow',
		setup: () => new Promise<void>((resolve) => (finish = resolve))
	});

	const started = createTestKernel([slow, plugin('next', log)]);
	await settle();
	expect(log).toEqual([]);
	finish();
	await started;

	expect(log).toEqual(['next']);
});

test.each<[string, Plugin[], RegExp]>([
	[
		'RT_CAPABILITY_MISSING',
		[plugin('a', [], { requires: ['one'] })],
		/RT_CAPABILITY_MISSING.*"a".*"one"/
	],
	[
		'RT_CAPABILITY_TAKEN',
		[plugin('a', [], { provides: ['one'] }), plugin('b', [], { provides: ['one'] })],
		/RT_CAPABILITY_TAKEN.*"a".*"b".*"one"/
	],
	[
		'RT_CAPABILITY_CYCLE',
		[
			plugin('c', [], { requires: ['one'] }),
			plugin('a', [], { requires: ['two'], provides: ['one'] }),
			plugin('b', [], { optional: ['one'], provides: ['two'] })
		],
		/RT_CAPABILITY_CYCLE.*: a → b → a\./
	],
	['RT_PLUGIN_DUPLICATE', [plugin('a', []), plugin('a', [])], /RT_PLUGIN_DUPLICATE.*"a"/]
])('%s is thrown before anything is set up', (_, plugins, message) => {
	expect(() => createKernel({ plugins, transport: fakeTransport() })).toThrow(message);
});

test.each<[string, Plugin, RegExp]>([
	[
		'RT_CAPABILITY_ABSENT',
		{ name: 'a', provides: ['one'], setup: nothing },
		/RT_CAPABILITY_ABSENT.*"a".*"one"/
	],
	[
		'RT_CAPABILITY_UNDECLARED',
		{ name: 'a', setup: (kernel) => kernel.provide('one' as never, {} as never) },
		/RT_CAPABILITY_UNDECLARED.*"a".*"one"/
	],
	[
		'RT_CAPABILITY_UNKNOWN',
		{ name: 'a', setup: (kernel) => void kernel.use('one' as never) },
		/RT_CAPABILITY_UNKNOWN.*"a".*"one"/
	],
	[
		'RT_CAPABILITY_TAKEN',
		{
			name: 'a',
			provides: ['one'],
			setup(kernel) {
				kernel.provide('one' as never, {} as never);
				kernel.provide('one' as never, {} as never);
			}
		},
		/RT_CAPABILITY_TAKEN.*"a".*"one"/
	]
])('%s names the plugin', async (_, bad, message) => {
	await expect(createTestKernel([bad])).rejects.toThrow(message);
});

test('the clock is a capability of the kernel, and of each plugin its own', async () => {
	let isOwn = false;
	const kernel = await startKernel([
		definePlugin({
			name: 'a',
			requires: ['clock'],
			setup: (kernel) => void (isOwn = kernel.use('clock') === kernel.clock)
		})
	]);

	expect(isOwn).toBe(true);
	expect(kernel.use('clock')).toBe(kernel.clock);
});

test('a setup that throws stops the start with its own error', async () => {
	const bad = definePlugin({
		name: 'bad',
		setup: () => {
			throw new Error('no database');
		}
	});

	await expect(createTestKernel([bad])).rejects.toThrow('no database');
});

test.each(['setup', 'ready'] as const)(
	'a %s that never settles is RT_PLUGIN_TIMEOUT',
	async (when) => {
		const clock = new VirtualClock();
		const never = new Promise<void>(nothing);
		const plugins = [
			definePlugin({
				name: 'stuck',
				setup(kernel) {
					if (when === 'setup') return never;
					kernel.hook('ready', () => never);
					return undefined;
				}
			})
		];
		const kernel = createKernel({ plugins, transport: fakeTransport(), clock });

		const failure = kernel.start().catch((error: unknown) => error);
		await clock.advance(kernel.limits.bootTimeout);

		expect(String(await failure)).toMatch(
			new RegExp(`RT_PLUGIN_TIMEOUT.*"stuck".*${when}.*10000 ms`)
		);
		expect(clock.pending).toBe(0);
	}
);

test('a plugin hears `ready` when every plugin is set up', async () => {
	const log: string[] = [];
	const first = definePlugin({
		name: 'first',
		setup: (kernel) => void kernel.hook('ready', () => void log.push('ready'))
	});

	await startKernel([first, plugin('second', log)]);

	expect(log).toEqual(['second', 'ready']);
});

// --- shutdown ---

test('shutdown refuses newcomers, closes everybody with 1012, and runs hooks in reverse', async () => {
	const log: string[] = [];
	const note = (name: string): Plugin =>
		definePlugin({
			name,
			setup: (kernel) => void kernel.hook('shutdown', () => void log.push(name))
		});
	const kernel = await startKernel([note('a'), note('b')]);
	const ada = await kernel.connect();

	await kernel.shutdown();

	expect(ada.socket.closed).toMatchObject({ code: 1012 });
	expect(kernel.connections.size).toBe(0);
	expect(log).toEqual(['b', 'a']);
	await expect(kernel.connect()).rejects.toThrow('SERVICE_UNAVAILABLE');
});

test('shutdown ends in its time, whatever a plugin does', async () => {
	const stuck = definePlugin({
		name: 'stuck',
		setup: (kernel) => void kernel.hook('shutdown', () => new Promise<void>(nothing))
	});
	const kernel = await startKernel([stuck]);

	const done = kernel.shutdown();
	await kernel.clock.advance(kernel.limits.shutdownTimeout);
	await done;

	expect(takeErrors(kernel)).toEqual(['kernel RT_PLUGIN_TIMEOUT']);
});

test('timers and hooks that a plugin made end with the kernel', async () => {
	let ticks = 0;
	let opened = 0;
	const timing = definePlugin({
		name: 'timing',
		setup({ clock, hook }) {
			clock.every(10, () => (ticks += 1));
			clock.after(1000, () => (ticks += 100));
			clock.after(1000, () => (ticks += 100))();
			hook('open', () => void (opened += 1));
		}
	});
	const kernel = await startKernel([timing]);
	await kernel.connect();
	await kernel.clock.advance(30);

	await kernel.shutdown();
	await kernel.clock.advance(5000);

	expect([ticks, opened, kernel.clock.pending]).toEqual([3, 1, 0]);
	expect(kernel.describe()).toBe('timing (0 ms)');
});

test('shutting down twice runs the hooks once', async () => {
	let count = 0;
	const kernel = await startKernel([
		definePlugin({
			name: 'a',
			setup: (kernel) => void kernel.hook('shutdown', () => void (count += 1))
		})
	]);

	await Promise.all([kernel.shutdown(), kernel.shutdown()]);

	expect(count).toBe(1);
});

test('a request that is still being judged at shutdown is refused', async () => {
	let finish!: () => void;
	const kernel = await startKernel([
		definePlugin({
			name: 'slow',
			setup: (kernel) =>
				void kernel.hook('upgrade', () => new Promise<void>((resolve) => (finish = resolve)))
		})
	]);
	const request = { url: '/ws', headers: {}, ip: '', origin: undefined };

	const answer = kernel.upgrade(request);
	const down = kernel.shutdown();
	finish();
	await down;

	expect(await answer).toMatchObject({ ok: false, status: 503, code: 'SERVICE_UNAVAILABLE' });
});

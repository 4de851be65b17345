import { definePlugin, defineConfig, live, type Plugin } from 'svelte-realtime';
import { single, type SingleOptions } from 'svelte-realtime/presets';
import { fakeTransport } from 'svelte-realtime/testing';
import { afterEach, expect, test } from 'vitest';
import { createApp, type App, type AppDefinition } from '../../adapter/runtime/app.ts';

test.each([[true], [false], [undefined]])(
	'an app with dev: %s says so to its plugins',
	async (dev) => {
		const told: boolean[] = [];
		const plugin = definePlugin({ name: 'asks', setup: (kernel) => void told.push(kernel.dev) });
		const config = defineConfig({ plugins: [plugin] });

		const transport = fakeTransport();
		const app = await createApp(
			{ config, modules: {} },
			dev === undefined ? { transport } : { transport, dev }
		);
		await app.close();

		expect(told).toEqual([dev ?? false]);
	}
);

test('an app with a module that says nothing of who may use it does not start where that is required', async () => {
	const modules = { chat: { send: live(() => 'sent') } };
	const ended: string[] = [];
	const plugin = definePlugin({
		name: 'ends',
		setup: (kernel) => void kernel.hook('shutdown', () => void ended.push('ended'))
	});
	const definition = { config: defineConfig({ plugins: [plugin] }), modules, requireGuard: true };

	const app = createApp(definition, { transport: fakeTransport() });

	await expect(app).rejects.toThrow('RT_GUARD_MISSING');
	expect(ended).toEqual(['ended']);
});

// --- a changed definition ---

let app: App | undefined;
afterEach(async () => {
	await app?.close();
	app = undefined;
});

async function start(definition: AppDefinition): Promise<App> {
	app = await createApp(definition, { transport: fakeTransport(), dev: true });
	return app;
}

const noting = (name: string, log: string[] = []): Plugin =>
	definePlugin({ name, setup: () => void log.push(name) });

/** What a config file exports each time that it is read anew. */
function definition(options: SingleOptions, plugins: Plugin[], modules = {}): AppDefinition {
	return { config: defineConfig({ preset: single(options), plugins }), modules };
}

test('plugins of the config are swapped, and those of an equal preset go on', async () => {
	const log: string[] = [];
	const kept = noting('kept', log);
	const app = await start(definition({ replay: { size: 5 } }, [noting('one', log), kept]));
	const rpc = app.kernel.find('rpc');

	const isDone = await app.change(
		definition({ replay: { size: 5 } }, [noting('two', log), kept], {
			chat: { say: live(() => 'hi') }
		})
	);

	expect(isDone).toBe(true);
	expect(log).toEqual(['one', 'kept', 'two']);
	expect(app.kernel.plugins.map(({ name }) => name).slice(-2)).toEqual(['two', 'kept']);
	expect(app.kernel.find('rpc')).toBe(rpc);
	expect(rpc!.paths()).toEqual(['chat/say']);
});

test('without a config the preset is the one that runs', async () => {
	const app = await start({ modules: {} });
	const rpc = app.kernel.find('rpc');

	expect(await app.change({ config: defineConfig({ plugins: [noting('a')] }), modules: {} })).toBe(
		true
	);

	expect(app.kernel.find('rpc')).toBe(rpc);
	expect(app.kernel.plugins.at(-1)?.name).toBe('a');
});

test.each<[string, (base: AppDefinition) => AppDefinition]>([
	['the options of a preset', () => definition({ replay: { size: 6 } }, [])],
	['the list of a preset', () => ({ config: { preset: [] }, modules: {} })],
	['a limit', ({ config }) => ({ config: { ...config, limits: { batch: 5 } }, modules: {} })],
	['the origins', ({ config }) => ({ config: { ...config, origins: '*' }, modules: {} })],
	['the topics', ({ config }) => ({ config: { ...config, topics: { a: 'logged' } }, modules: {} })],
	['the transport of values', ({ config }) => ({ config, transport: {}, modules: {} })]
])('%s need a new app', async (_, change) => {
	const base = definition({ replay: { size: 5 } }, []);
	const app = await start(base);
	const before = app.kernel.describe();

	expect(await app.change(change(base))).toBe(false);
	expect(app.kernel.describe()).toBe(before);
});

test('a plugin that cannot be set up leaves the app as it is', async () => {
	const app = await start(definition({}, [noting('one')]));
	const before = app.kernel.describe();
	const failing = definePlugin({
		name: 'one',
		setup() {
			throw new Error('no database');
		}
	});

	await expect(app.change(definition({}, [failing]))).rejects.toThrow('no database');
	expect(app.kernel.describe()).toBe(before);
});

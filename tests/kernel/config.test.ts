import { expect, test } from 'vitest';
import { checkConfig, defineConfig, definePlugin, LIMITS, pluginsOf } from 'svelte-realtime/kernel';

const plugin = (name: string, mark = ''): ReturnType<typeof definePlugin> & { mark: string } =>
	Object.assign(definePlugin({ name, setup: () => {} }), { mark });

test('a config without anything is one', () => {
	expect(checkConfig({})).toEqual({});
});

test('a config with everything is one', () => {
	const config = defineConfig({
		preset: [plugin('a')],
		plugins: [plugin('b')],
		origins: ['https://example.com'],
		limits: { message: 1024, idleTimeout: 8000 },
		topics: { 'cursor:*': 'ephemeral', news: 'logged' },
		transport: 'node'
	});

	expect(checkConfig(config)).toBe(config);
});

test.each<[unknown, string]>([
	[undefined, 'undefined'],
	[null, 'null'],
	['single', 'string'],
	[() => ({}), 'function']
])('%s is no config', (config, what) => {
	expect(() => checkConfig(config)).toThrow(`RT_CONFIG_INVALID`);
	expect(() => checkConfig(config)).toThrow(`it is ${what}`);
});

test.each<[string, Record<string, unknown>]>([
	['preset', { preset: 'single' }],
	['preset.0.setup', { preset: [{ name: 'a' }] }],
	['plugins.1.name', { plugins: [plugin('a'), { setup() {} }] }],
	['plugins.0', { plugins: [undefined] }],
	['origins', { origins: 'https://example.com' }],
	['origins', { origins: [5] }],
	['limits', { limits: 5 }],
	['limits.message', { limits: { message: 0 } }],
	['limits.message', { limits: { message: 1.5 } }],
	['limits.message', { limits: { message: '16kb' } }],
	['limits.batch', { limits: { batch: -1 } }],
	['limits.idleTimeout', { limits: { idleTimeout: 7999 } }],
	['limits.idleTimeout', { limits: { idleTimeout: 960_001 } }],
	['limits.mesage', { limits: { mesage: 5 } }],
	['topics.0', { topics: ['a'] }],
	['topics.a', { topics: { a: 'eternal' } }],
	['transport', { transport: 'ws' }],
	['pluggins', { pluggins: [] }]
])('a wrong %s is RT_OPTION_INVALID and named', (option, config) => {
	expect(() => checkConfig(config)).toThrow(expect.objectContaining({ code: 'RT_OPTION_INVALID' }));
	expect(() => checkConfig(config)).toThrow(`"${option}"`);
});

test.each(Object.keys(LIMITS))(
	'the limit %s can be set, and must be a whole number from 1',
	(name) => {
		const limits = { [name]: 10_000 };

		expect(checkConfig({ limits })).toEqual({ limits });
		for (const wrong of [0, -1, 1.5, NaN, '1', null]) {
			expect(() => checkConfig({ limits: { [name]: wrong } })).toThrow(`"limits.${name}"`);
		}
	}
);

test('plugins come after the preset', () => {
	const plugins = pluginsOf({ preset: [plugin('a')], plugins: [plugin('b')] }, () => []);

	expect(plugins.map(({ name }) => name)).toEqual(['a', 'b']);
});

test("a plugin of the same name takes the place of the preset's", () => {
	const own = plugin('b', 'own');
	const preset = [plugin('a'), plugin('b'), plugin('c')];

	const plugins = pluginsOf({ preset, plugins: [plugin('d'), own] }, () => []);

	expect(plugins.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
	expect(plugins[1]).toBe(own);
});

test('without a preset the fallback stands in', () => {
	expect(pluginsOf({}, () => [plugin('x')]).map(({ name }) => name)).toEqual(['x']);
});

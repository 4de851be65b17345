import { definePlugin, defineConfig } from 'svelte-realtime';
import { fakeTransport } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { createApp } from '../../adapter/runtime/app.ts';

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

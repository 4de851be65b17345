import prom from 'prom-client';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { single } from 'svelte-realtime/presets';
import { start, type RunningServer } from '../../adapter/runtime/index.ts';
import { FRONTS } from './fronts.ts';
import { raw, request } from './raw.ts';

describe.each(FRONTS)('%s', (transport) => {
	let server: RunningServer | undefined;
	afterEach(async () => {
		await server?.close();
		prom.register.clear();
		vi.restoreAllMocks();
	});

	async function boot(preset = single()): Promise<RunningServer> {
		vi.spyOn(console, 'log').mockImplementation(() => {});
		return (server = await start({
			server: { init: async () => {}, respond: async () => new Response('the app') },
			load: async () => ({ config: { transport, preset }, modules: {} }),
			directory: '/nowhere',
			env: { HOST: '127.0.0.1', PORT: '0', SHUTDOWN_TIMEOUT: '1' },
			signals: false
		}));
	}

	test('the site shows the metrics at their path, to whoever shows the token', async () => {
		const endpoint = { path: '/internal/metrics', token: 'secret' };
		const { port } = await boot(single({ metrics: { endpoint } }));
		const headers = { authorization: 'Bearer secret' };

		const shown = await raw(port, request('/internal/metrics', headers));
		const refused = await raw(port, request('/internal/metrics'));

		expect(shown.status).toBe(200);
		expect(shown.text).toContain('svelte_realtime_connections 0');
		expect(refused.status).toBe(401);
		expect((await raw(port, request('/internal/metrics/x'))).text).toBe('the app');
	});

	test('without the option the path is the app’s', async () => {
		const { port } = await boot();

		expect((await raw(port, request('/metrics'))).text).toBe('the app');
	});
});

/** Starts one of ours that has nothing but one live function, `admin/users/echo`. */

import { tmpdir } from 'node:os';
import { start } from 'svelte-realtime/adapter/runtime';
import { single } from 'svelte-realtime/presets';
import { serve } from './commands.mjs';

/**
 * @param {{ ratelimit: import('svelte-realtime/presets').SingleOptions['ratelimit'], modules: object }} app
 */
export async function serveCalls({ ratelimit, modules }) {
	const { port } = await start({
		server: { init: async () => {}, respond: async () => new Response() },
		load: async () => ({ config: { preset: single({ ratelimit }), transport: 'uws' }, modules }),
		directory: tmpdir(),
		env: { HOST: '127.0.0.1', PORT: '0' },
		signals: false
	});
	serve({ port, publish: {} });
}

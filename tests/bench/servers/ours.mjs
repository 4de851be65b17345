/** Ours, as it ships: the built package, its runtime and its default preset, with one live module. */

import { tmpdir } from 'node:os';
import { live } from 'svelte-realtime';
import { start } from 'svelte-realtime/adapter/runtime';
import { single } from 'svelte-realtime/presets';
import { serve, TOPICS } from './commands.mjs';

const bench = {
	echo: live((ctx, value) => value),
	later: live(async (ctx, value) => value),
	feed: live.stream(TOPICS.feed, () => []),
	log: live.stream(TOPICS.log, () => []),
	cursors: live.cursors('bench')
};

const { app, port } = await start({
	// Stands for SvelteKit's server: no row renders a page.
	server: { init: async () => {}, respond: async () => new Response() },
	load: async () => ({
		config: {
			// Every call is checked, and none is too many: a row has few connections for its many calls.
			preset: single({ ratelimit: { calls: { points: 100_000, window: 1 } } }),
			transport: 'uws',
			topics: { [TOPICS.feed]: 'ephemeral' }
		},
		modules: { bench }
	}),
	directory: tmpdir(),
	env: { HOST: '127.0.0.1', PORT: '0' },
	signals: false
});

serve({
	port,
	publish: {
		feed: (data) => app.platform.publish(TOPICS.feed, 'created', data),
		log: (data) => app.platform.publish(TOPICS.log, 'created', data)
	}
});

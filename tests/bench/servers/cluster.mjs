/** An instance of ours in a cluster: the built package with its log in the Redis of the argument. */

import { tmpdir } from 'node:os';
import { definePlugin, live } from 'svelte-realtime';
import { start } from 'svelte-realtime/adapter/runtime';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisReplay } from 'svelte-realtime/plugins/redis-replay';
import { single } from 'svelte-realtime/presets';
import { serve, TOPICS } from './commands.mjs';
import { hearing } from './hearing.mjs';

const bench = { log: live.stream(TOPICS.log, () => []) };
const heard = hearing();
const hear = definePlugin({
	name: 'hear',
	setup: (kernel) =>
		void kernel.hook('published', ({ data }) => heard.hear(data.at), { topics: TOPICS.log })
});
// Only who is asked for the times of frames reads them.
const isTimed = process.argv[3] === 'timed';

const { app, port } = await start({
	// Stands for SvelteKit's server: no row renders a page.
	server: { init: async () => {}, respond: async () => new Response() },
	load: async () => ({
		config: {
			preset: [
				...single({ admission: false }),
				redis({ url: process.argv[2] }),
				redisReplay(),
				...(isTimed ? [hear] : [])
			],
			transport: 'uws'
		},
		modules: { bench }
	}),
	directory: tmpdir(),
	env: { HOST: '127.0.0.1', PORT: '0' },
	signals: false
});
if (isTimed) await app.kernel.use('replay').follow(TOPICS.log);

serve({
	port,
	publish: { log: (data) => app.platform.publish(TOPICS.log, 'created', data) },
	...heard.commands
});

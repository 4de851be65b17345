/** A server of the built package on uWebSockets.js, for tests that kill and restart it. */

import { tmpdir } from 'node:os';
import { live } from 'svelte-realtime';
import { start } from 'svelte-realtime/adapter/runtime';

const herd = {
	echo: live((ctx, value) => value),
	feed: live.stream('feed', () => [{ id: 1 }])
};

const { port } = await start({
	// Stands for SvelteKit's server: nobody asks for a page.
	server: { init: async () => {}, respond: async () => new Response() },
	load: async () => ({ config: { transport: 'uws' }, modules: { herd } }),
	directory: tmpdir(),
	env: { HOST: '127.0.0.1', PORT: process.env.PORT }
});
console.log(`port ${port}`);

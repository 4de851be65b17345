/** SvelteKit's own `respond` of the built app in the folder that is the argument, and nothing around it. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { serve } from './commands.mjs';

// As the adapter takes it over, before it is bundled with what serves it.
const folder = join(process.argv[2], '.svelte-kit/svelte-realtime');
const load = (file) => import(pathToFileURL(join(folder, file)).href);
const { server } = await load('kit.js');
await server.init({ env: process.env, read: () => null });
if (existsSync(join(folder, 'realtime.js'))) await boot();

/** The app whose streams pages are rendered with. */
async function boot() {
	const realtime = await load('realtime.js');
	const transport = { name: 'none', publish: () => false, subscribers: () => 0 };
	const kit = { path: '/ws', respond: () => Promise.reject(new Error('There are no sockets.')) };
	await realtime.createApp(await realtime.load(), { transport, kit });
}

/** Requests that are answered side by side, as in a server under load: one by one takes far longer. */
const TOGETHER = 16;

/** Answers again and again for `ms` milliseconds, once at least; returns how often. */
async function respond({ path, ms, headers = [] }) {
	const lines = [['accept', 'text/html'], ...headers.map((line) => line.split(': '))];
	const request = new Request(`http://127.0.0.1${path}`, { headers: lines });
	const one = async () => {
		const { ok, status } = await server.respond(request, { getClientAddress: () => '127.0.0.1' });
		if (!ok) throw new Error(`${path} is answered with ${status}.`);
	};
	const count = ms === 0 ? 1 : TOGETHER;
	const end = performance.now() + ms;
	let requests = 0;
	do {
		await Promise.all(Array.from({ length: count }, one));
		requests += count;
		// What waits for its turn, such as finalizers, gets one, as in a server.
		await new Promise((resolve) => setImmediate(resolve));
	} while (performance.now() < end);
	return requests;
}

serve({ port: 0, publish: {}, respond });

/** SvelteKit's own `respond` of the built app in the folder that is the argument, and nothing around it. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { serve } from './commands.mjs';

const folder = join(process.argv[2], '.svelte-kit/output/server');
const load = (file) => import(pathToFileURL(join(folder, file)).href);
const { Server } = await load('index.js');
const { manifest } = await load('manifest-full.js');
const server = new Server(manifest);
await server.init({ env: process.env, read: () => null });

/** Answers again and again for `ms` milliseconds; returns how often. */
async function respond({ path, ms }) {
	const request = new Request(`http://127.0.0.1${path}`, { headers: { accept: 'text/html' } });
	const end = performance.now() + ms;
	let requests = 0;
	for (; performance.now() < end; requests++) {
		const { status } = await server.respond(request, { getClientAddress: () => '127.0.0.1' });
		if (status !== 200) throw new Error(`${path} is answered with ${status}.`);
		// What waits for its turn, such as finalizers, gets one, as in a server.
		if (requests % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
	}
	return requests;
}

serve({ port: 0, publish: {}, respond });

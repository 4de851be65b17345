/** An app that `vite build` has built, in the folder that is the argument. */

import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { serve } from './commands.mjs';

const port = await new Promise((resolve) => {
	const probe = createServer().listen(0, '127.0.0.1', () => {
		const { port: free } = probe.address();
		probe.close(() => resolve(free));
	});
});
Object.assign(process.env, { HOST: '127.0.0.1', PORT: String(port) });
await import(pathToFileURL(join(process.argv[2], 'build/index.js')).href);
serve({ port, publish: {} });

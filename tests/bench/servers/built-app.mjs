/** An app that `vite build` has built, in the folder that is the first argument; others are variables. */

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
const [folder, ...variables] = process.argv.slice(2);
const given = Object.fromEntries(variables.map((variable) => variable.split('=')));
Object.assign(process.env, { HOST: '127.0.0.1', PORT: String(port), ...given });
await import(pathToFileURL(join(folder, 'build/index.js')).href);
serve({ port, publish: {} });

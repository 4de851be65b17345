/** The module that `node build` runs. */

import type { LargeFiles, Prerendered } from './runtime/static.ts';

export interface EntryOptions {
	/** The Vite plugin has emitted `realtime.js`. */
	readonly hasRealtime: boolean;
	readonly base: string;
	readonly origin: string | undefined;
	readonly appDir: string;
	readonly envPrefix: string;
	readonly etags: LargeFiles;
	readonly prerendered: readonly (readonly [path: string, page: Prerendered])[];
}

/**
 * Source of the entry.
 *
 * `start` comes from the same module as the live functions, where there are any: bundled together,
 * the app and the server share one instance of everything.
 */
export function entrySource(options: EntryOptions): string {
	const { hasRealtime, ...rest } = options;
	const runtime = hasRealtime
		? `import { load, start } from './realtime.js';`
		: `import { start } from 'svelte-realtime/adapter/runtime';\nconst load = undefined;`;
	return `import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
${runtime}

const directory = dirname(fileURLToPath(import.meta.url));
const server = async () => (await import('./kit.js')).server;
await start({ server, load, directory, ...${JSON.stringify(rest)} });
`;
}

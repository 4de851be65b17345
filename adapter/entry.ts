/** The modules that a build consists of: the one that `node build` runs, and the one to embed. */

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

/** What a module is for: a server of its own, or a part of another one. */
export type EntryKind = 'index' | 'handler';

/**
 * Source of an entry.
 *
 * What it calls comes from the same module as the live functions, where there are any: bundled
 * together, the app and the server share one instance of everything.
 */
export function entrySource(kind: EntryKind, options: EntryOptions): string {
	const { hasRealtime, ...rest } = options;
	const name = kind === 'index' ? 'start' : 'embed';
	const runtime = hasRealtime
		? `import { load, ${name} } from './realtime.js';`
		: `import { ${name} } from 'svelte-realtime/adapter/runtime';\nconst load = undefined;`;
	const left = kind === 'index' ? '' : 'export const handler = ';
	return `import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
${runtime}

const directory = dirname(fileURLToPath(import.meta.url));
const server = async () => (await import('./kit.js')).server;
${left}await ${name}({ server, load, directory, ...${JSON.stringify(rest)} });
`;
}

/** How much a page downloads for `$live`, built by Vite as an app is. */

import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = fileURLToPath(new URL('client-page.mjs', import.meta.url));

/** Vite's helper for dynamic imports is in every SvelteKit page: `$live` does not add it. */
const preloadHelper = {
	name: 'bench:preload-helper',
	enforce: 'pre',
	load: (id) =>
		id === '\0vite/preload-helper.js' ? 'export const __vitePreload = (load) => load();' : undefined
};

/**
 * Builds a page that uses one call and one stream, with Svelte itself left out, and weighs it.
 *
 * @param {{ conditions?: string[] }} [options] `conditions: ['source']` builds from the sources, not from dist.
 * @returns {Promise<{ page: number, all: number, modules: string[] }>} Bytes after gzip: what the
 * page loads at once, and that with what it fetches for values beyond JSON.
 */
export async function weighClient({ conditions = [] } = {}) {
	const { output } = await build({
		root,
		configFile: false,
		logLevel: 'error',
		resolve: { conditions: [...conditions, 'module', 'browser', 'production'] },
		plugins: [preloadHelper],
		build: {
			write: false,
			rolldownOptions: {
				input: page,
				external: /^svelte($|\/)/,
				preserveEntrySignatures: 'strict'
			}
		}
	});
	const chunks = new Map(output.map((chunk) => [chunk.fileName, chunk]));
	const first = output.find((chunk) => chunk.isEntry);
	const atOnce = new Set([first]);
	for (const chunk of atOnce) {
		for (const name of chunk.imports) if (chunks.has(name)) atOnce.add(chunks.get(name));
	}
	const weigh = (some) =>
		[...some].reduce((sum, chunk) => sum + gzipSync(chunk.code ?? chunk.source).length, 0);
	// The other chunks are those of options, which only load where an app sets them.
	const devalue = output.filter(({ modules = {} }) =>
		Object.keys(modules).some((module) => module.includes('/node_modules/devalue/'))
	);
	if (devalue.length === 0) throw new Error('No chunk holds devalue, so it cannot be weighed.');
	const modules = output.flatMap((chunk) => Object.keys(chunk.modules ?? {}));
	return { page: weigh(atOnce), all: weigh([...atOnce, ...devalue]), modules };
}

/** The error for a page that imports from `$live/` what only the server has. */

import { readFile } from 'node:fs/promises';
import type { Plugin } from 'vite';
import { hasClient, hasStub, PACKAGE } from './kinds.ts';
import type { Manifest } from './manifest.ts';
import { asLog, Problem } from './problem.ts';
import { child, children, nameOf, text, type Node } from './syntax.ts';
import { LIVE } from './virtual-ids.ts';

/** A name that is imported from a live module. */
interface Imported {
	readonly path: string;
	readonly name: string;
}

/**
 * Looks at what code of the browser imports from `$live/`, once it is JavaScript. Without it the
 * bundler would say that there is no such export, and its author sees that there is.
 */
export function serverOnlyPlugin(manifestOf: () => Promise<Manifest | undefined>): Plugin {
	return {
		name: `${PACKAGE}:server-only`,
		// Behind the compilers, and in front of what rewrites imports in dev.
		enforce: 'post',
		transform: {
			filter: { code: /['"]\$live\// },
			async handler(code, id) {
				if (this.environment.config.consumer !== 'client' || id.includes('\0')) return;
				const manifest = await manifestOf();
				if (!manifest) return;
				for (const imported of importsOf(this.parse(code) as unknown as Node)) {
					const problem = await problemOf(imported, id.split('?', 1)[0]!, manifest);
					if (problem) this.error(asLog(problem));
				}
			}
		}
	};
}

async function problemOf(
	{ path, name }: Imported,
	file: string,
	manifest: Manifest
): Promise<Problem | undefined> {
	const found = manifest.modules.get(path)?.exports.find((entry) => entry.name === name);
	if (!found || hasClient(found)) return undefined;
	const cure = hasStub(found)
		? 'Import it where the server answers, in a +server.ts.'
		: 'The server runs it by itself: leave the import out.';
	// What was compiled has lines of its own; what was written names the module as well.
	const source = await readFile(file, 'utf8').catch(() => '');
	const offset = source.indexOf(LIVE + path);
	const place = offset < 0 ? undefined : { code: source, offset };
	const args = [name, LIVE + path, `live.${found.kind}()`, cure];
	return new Problem('RT_LIVE_SERVER_ONLY', args, file, place);
}

/** What a program imports, or exports again, from live modules by name. */
function importsOf(program: Node): Imported[] {
	return children(program, 'body').flatMap((statement) => {
		const source = child(statement, 'source');
		const specifier = source ? text(source, 'value') : '';
		if (!specifier.startsWith(LIVE)) return [];
		const path = specifier.slice(LIVE.length);
		return children(statement, 'specifiers').flatMap((entry) => {
			const key = { ImportSpecifier: 'imported', ExportSpecifier: 'local' }[entry.type];
			return key === undefined ? [] : [{ path, name: nameOf(child(entry, key)) }];
		});
	});
}

/** The errors for imports that must not be: server code in the browser, modules that are not there. */

import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { Manifest } from './manifest.ts';
import { relative } from './paths.ts';
import { Problem } from './problem.ts';
import type { Project } from './project.ts';
import { LIVE } from './virtual-ids.ts';

/** Code of the browser imports a file of the live directory by its real path. */
export function browserImport(
	project: Project,
	file: string,
	importer: string | undefined
): Problem {
	const path = relative(project.dir, project.named(file));
	const name = relative(project.root, project.named(file));
	const by = importer ? `, as ${relative(project.root, project.named(importer))} does` : '';
	const stub = LIVE + path.replace(/\.[cm]?[jt]s$/, '');
	const source = importer === undefined ? undefined : importIn(importer, path);
	const blamed = source ? importer! : file;
	return new Problem('RT_LIVE_IN_BROWSER', [name, by, stub], blamed, source);
}

/** Where a file imports a live module, by its real path under whichever name. */
function importIn(
	importer: string,
	path: string
): { readonly code: string; readonly offset: number } | undefined {
	const stem = posix.basename(path).replace(/\.[cm]?[jt]s$/, '');
	try {
		const code = readFileSync(importer, 'utf8');
		for (const found of code.matchAll(/\b(?:from|import)\s*\(?\s*(['"])([^'"\n]*)\1/g)) {
			const [, , specifier = ''] = found;
			const last = posix.basename(specifier).replace(/\.[cm]?[jt]s$/, '');
			if (last === stem && !specifier.startsWith(LIVE)) return { code, offset: found.index };
		}
	} catch {
		// A module that only another plugin can read; the error names it all the same.
	}
	return undefined;
}

/** An import of a `$live/` path that no file stands for. */
export function unknownModule(project: Project, path: string, manifest: Manifest): Problem {
	const known = [...manifest.modules.keys()].map((name) => LIVE + name);
	const folder = relative(project.root, project.dir);
	const there =
		known.length > 0
			? `There are: ${known.join(', ')}.`
			: `The folder ${folder} has no module yet.`;
	return new Problem('RT_LIVE_UNKNOWN', [LIVE + path, ` in ${folder}`, there], project.dir);
}

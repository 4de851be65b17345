/** The errors for imports that must not be: server code in the browser, modules that are not there. */

import { relative } from 'node:path';
import type { Manifest } from './manifest.ts';
import { Problem } from './problem.ts';
import type { Project } from './project.ts';
import { LIVE } from './virtual-ids.ts';

/** Code of the browser imports a file of the live directory by its real path. */
export function browserImport(
	project: Project,
	file: string,
	importer: string | undefined
): Problem {
	const path = relative(project.dir, file).replaceAll('\\', '/');
	const name = relative(project.root, file).replaceAll('\\', '/');
	const by = importer ? `, as ${relative(project.root, importer).replaceAll('\\', '/')} does` : '';
	const stub = LIVE + path.replace(/\.[cm]?[jt]s$/, '');
	return new Problem('RT_LIVE_IN_BROWSER', [name, by, stub], file);
}

/** An import of a `$live/` path that no file stands for. */
export function unknownModule(project: Project, path: string, manifest: Manifest): Problem {
	const known = [...manifest.modules.keys()].map((name) => LIVE + name);
	const folder = relative(project.root, project.dir).replaceAll('\\', '/');
	const there =
		known.length > 0
			? `There are: ${known.join(', ')}.`
			: `The folder ${folder} has no module yet.`;
	return new Problem('RT_LIVE_UNKNOWN', [LIVE + path, ` in ${folder}`, there], project.dir);
}

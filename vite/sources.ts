/** The app's source files as trees, kept from one reading of the project to the next. */

import { readFile } from 'node:fs/promises';
import { readModule, type ModuleSyntax } from './parse.ts';
import type { Parse } from './parser.ts';

export interface Sources {
	/**
	 * The module in a file, as the file is now; parsed only where its text is another than the last
	 * time.
	 *
	 * @throws {Problem} RT_LIVE_SYNTAX
	 */
	module(file: string): Promise<ModuleSyntax>;
}

/** Creates the sources of one app. */
export function createSources(parse: Parse): Sources {
	const known = new Map<
		string,
		{ readonly code: string; readonly module: Promise<ModuleSyntax> }
	>();
	return {
		async module(file) {
			const code = await readFile(file, 'utf8').catch((error: unknown) => {
				known.delete(file);
				throw error;
			});
			const last = known.get(file);
			if (last?.code === code) return last.module;
			const module = parse(code, file).then(readModule);
			known.set(file, { code, module });
			return module;
		}
	};
}

/** The types of `$live/*`, taken from the live modules themselves by TypeScript. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasStub, PACKAGE } from './kinds.ts';
import type { LiveModule } from './manifest.ts';
import type { ServerSources } from './server-module.ts';
import { specifier } from './paths.ts';
import { LIVE } from './virtual-ids.ts';

const HEADER = `// Written by ${PACKAGE}; what you change here is lost.\n`;

/** File with the `$live/*` modules; a script, since only a script can declare new modules. */
export const LIVE_TYPES = '$types.d.ts';
/** File that types `event.platform` and the config's plugins; only a module can augment others. */
export const REGISTER_TYPES = '$register.d.ts';

/**
 * Declares one ambient module for each live module.
 *
 * It is what the live module exports, mapped: a declaration of its own for each export would be where
 * an editor leads to, and would have no documentation.
 */
export function liveTypes(
	dir: string,
	modules: readonly Pick<LiveModule, 'path' | 'file' | 'exports'>[]
): string {
	const parts = modules.map(({ path, file, exports }) => {
		const names = exports.filter(hasStub).map(({ name }) => `'${name}'`);
		const module = `typeof import('${specifier(dir, file)}')`;
		const lines = [
			`\tconst stubs: import('${PACKAGE}/client').Stubs<${module}, ${names.join(' | ')}>;`,
			'\texport = stubs;'
		];
		// Without an export, a module would export what it declares.
		const body = names.length > 0 ? lines : ['\texport {};'];
		return [`declare module '${LIVE}${path}' {`, ...body, '}', ''].join('\n');
	});
	return `${HEADER}\n${parts.join('\n')}`;
}

/** Makes `event.platform`, and what the plugins of the config add, known to the compiler. */
export function registerTypes(
	dir: string,
	{ config, hooks }: Pick<ServerSources, 'config' | 'hooks'>
): string {
	const members = Object.entries({ config, transport: hooks }).flatMap(([name, file]) => {
		const value = name === 'config' ? 'default' : name;
		return file ? [`\t\t${name}: (typeof import('${specifier(dir, file)}'))['${value}'];`] : [];
	});
	const open = [`declare module '${PACKAGE}/kernel' {`, '\tinterface Register {'];
	const register = members.length > 0 ? [...open, ...members, '\t}', '}', ''] : [];
	return HEADER + [`import type {} from '${PACKAGE}/adapter';`, '', ...register].join('\n');
}

/** Writes both files; touches none whose content is already right, so that no watcher wakes up. */
export async function writeTypes(
	dir: string,
	modules: readonly LiveModule[],
	settings: Pick<ServerSources, 'config' | 'hooks'>
): Promise<void> {
	await writeIfChanged(join(dir, LIVE_TYPES), liveTypes(dir, modules));
	await writeIfChanged(join(dir, REGISTER_TYPES), registerTypes(dir, settings));
}

async function writeIfChanged(file: string, content: string): Promise<void> {
	if ((await readOrEmpty(file)) === content) return;
	await mkdir(join(file, '..'), { recursive: true });
	await writeFile(file, content);
}

async function readOrEmpty(file: string): Promise<string> {
	return readFile(file, 'utf8').catch((error: unknown) => {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
		throw error;
	});
}

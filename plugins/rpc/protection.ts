/** Which guards stand before each live module. */

import { declarationOf, RealtimeError } from 'svelte-realtime/kernel';
import { guard, isGuard, type ModuleGuard } from './guard.ts';
import type { LiveModules } from './registry.ts';

/** The file whose guard stands before its folder, and the export that is a guard. */
const GUARD = '_guard';
const PUBLIC = '_public';

/** The guard of a live module; undefined where there is none. */
export type Protection = (module: string) => ModuleGuard | undefined;

/** Whether a path is that of a folder's guard, which is no live module: `_guard`, `admin/_guard`. */
export function isFolderGuard(path: string): boolean {
	return path === GUARD || path.endsWith(`/${GUARD}`);
}

/**
 * Finds the guards of all modules: those of the folders, outermost first, then the module's own.
 *
 * @param requireGuard A module without any has to say that it is public.
 * @throws {RealtimeError} RT_GUARD_INVALID, RT_GUARD_PUBLIC, RT_GUARD_MISSING: what might protect
 * nobody keeps the server from starting.
 */
export function createProtection(modules: LiveModules, requireGuard: boolean): Protection {
	const guards = new Map<string, ModuleGuard>();
	for (const [path, exports] of Object.entries(modules)) {
		if (!isFolderGuard(path) && !Object.hasOwn(exports, GUARD)) continue;
		if (!isGuard(exports[GUARD])) {
			throw new RealtimeError('RT_GUARD_INVALID', [path, typeof exports[GUARD]]);
		}
		guards.set(path, exports[GUARD]);
	}

	const protections = new Map<string, ModuleGuard>();
	for (const [path, exports] of Object.entries(modules)) {
		if (isFolderGuard(path)) continue;
		const own = [...foldersOf(path).map((folder) => folder + GUARD), path];
		const found = own.flatMap((name) => guards.get(name) ?? []);
		checkPublic(path, exports, found.length > 0, requireGuard);
		if (found.length === 1) protections.set(path, found[0]!);
		if (found.length > 1) protections.set(path, guard(...found));
	}
	return (module) => protections.get(module);
}

/** Of `a/b/chat`: ``, `a/`, `a/b/`. */
function foldersOf(path: string): string[] {
	const names = path.split('/').slice(0, -1);
	return ['', ...names.map((_, last) => `${names.slice(0, last + 1).join('/')}/`)];
}

function checkPublic(
	path: string,
	exports: Readonly<Record<string, unknown>>,
	isGuarded: boolean,
	requireGuard: boolean
): void {
	if (Object.hasOwn(exports, PUBLIC)) {
		if (exports[PUBLIC] !== true || isGuarded) throw new RealtimeError('RT_GUARD_PUBLIC', [path]);
		return;
	}
	const isLive = (value: unknown): boolean => declarationOf(value) !== undefined;
	if (requireGuard && !isGuarded && Object.values(exports).some(isLive)) {
		throw new RealtimeError('RT_GUARD_MISSING', [path]);
	}
}

/** Which live functions there are. */

import { declarationOf, RealtimeError, type Declaration } from 'svelte-realtime/kernel';
import type { ModuleGuard } from './guard.ts';
import { createProtection, isFolderGuard } from './protection.ts';

/** Module path (`admin/users`), or that of a folder's guard (`admin/_guard`) → its exports. */
export type LiveModules = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Hears which live exports there are, and their parts; by their paths too. What it returns is called
 * once no listener has kept them from taking their place.
 */
export type DeclarationsListener = (
	declarations: readonly Declaration[],
	paths: ReadonlyMap<string, Declaration>
) => void | (() => void);

export interface MountOptions {
	/** Every module has a guard, inherits one, or says `_public`. @default false */
	readonly requireGuard?: boolean;
	/** Modules whose functions run in a request of their own, where they do not say otherwise. @default [] */
	readonly fresh?: readonly string[];
}

/** What a path stands for. */
export interface LiveEntry {
	readonly declaration: Declaration;
	/** Of its module and the folders around it. One declaration may be exported by several modules. */
	readonly guard: ModuleGuard | undefined;
	/** It runs in a request of its own. */
	readonly isFresh: boolean;
}

export interface Registry {
	/** A path is only ever looked up in a Map, so no name of a prototype can be one. */
	get(path: unknown): LiveEntry | undefined;
	paths(): readonly string[];
	/**
	 * Replaces all modules in one step; running calls end as they began.
	 *
	 * @throws {RealtimeError} RT_LIVE_PATH, RT_GUARD_INVALID, RT_GUARD_PUBLIC, RT_GUARD_MISSING;
	 * nothing is replaced then.
	 */
	mount(modules: LiveModules, options?: MountOptions): void;
	/**
	 * Tells of all declarations, now and before each time that others take their place; a listener that
	 * throws keeps them from it. The result ends it.
	 */
	watch(listener: DeclarationsListener): () => void;
}

export function createRegistry(): Registry {
	let entries = new Map<unknown, LiveEntry>();
	const listeners = new Set<DeclarationsListener>();
	return {
		get: (path) => entries.get(path),
		paths: () => [...entries.keys()] as string[],
		mount(modules, { requireGuard = false, fresh = [] } = {}) {
			const guardOf = createProtection(modules, requireGuard);
			const next = new Map<unknown, LiveEntry>();
			const add = (path: string, value: unknown, of: Omit<LiveEntry, 'declaration'>): void => {
				const declaration = declarationOf(value);
				if (declaration === undefined) return;
				if (next.has(path)) throw new RealtimeError('RT_LIVE_PATH', [path]);
				const { context } = declaration;
				const isFresh = context === undefined ? of.isFresh : context === 'request';
				next.set(path, { declaration, guard: of.guard, isFresh });
				// No file and no export has a dot in its name, so a part never meets another path.
				for (const [name, part] of Object.entries(declaration.parts ?? {})) {
					add(`${path}.${name}`, part, { ...of, isFresh });
				}
			};
			for (const [module, exports] of Object.entries(modules)) {
				if (isFolderGuard(module)) continue;
				const of = { guard: guardOf(module), isFresh: fresh.includes(module) };
				for (const [name, value] of Object.entries(exports)) add(`${module}/${name}`, value, of);
			}
			const [declarations, paths] = declarationsOf(next);
			const settled = [...listeners].map((listener) => listener(declarations, paths));
			entries = next;
			for (const settle of settled) settle?.();
		},
		watch(listener) {
			listener(...declarationsOf(entries))?.();
			listeners.add(listener);
			return () => void listeners.delete(listener);
		}
	};
}

function declarationsOf(
	entries: ReadonlyMap<unknown, LiveEntry>
): [declarations: readonly Declaration[], paths: ReadonlyMap<string, Declaration>] {
	const paths = new Map<string, Declaration>();
	for (const [path, { declaration }] of entries) paths.set(path as string, declaration);
	return [[...paths.values()], paths];
}

/** Which live functions there are. */

import { declarationOf, RealtimeError, type Declaration } from 'svelte-realtime/kernel';

/** Module path (`admin/users`) → the module's exports. */
export type LiveModules = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Hears which live exports there are, and their parts. */
export type DeclarationsListener = (declarations: readonly Declaration[]) => void;

export interface Registry {
	/** A path is only ever looked up in a Map, so no name of a prototype can be one. */
	get(path: unknown): Declaration | undefined;
	paths(): readonly string[];
	/** Replaces all modules in one step; running calls end as they began. */
	mount(modules: LiveModules): void;
	/**
	 * Tells of all declarations, now and before each time that others take their place; a listener that
	 * throws keeps them from it. The result ends it.
	 */
	watch(listener: DeclarationsListener): () => void;
}

export function createRegistry(): Registry {
	let declarations = new Map<unknown, Declaration>();
	const listeners = new Set<DeclarationsListener>();
	return {
		get: (path) => declarations.get(path),
		paths: () => [...declarations.keys()] as string[],
		mount(modules) {
			const next = new Map<unknown, Declaration>();
			const add = (path: string, value: unknown): void => {
				const declaration = declarationOf(value);
				if (declaration === undefined) return;
				if (next.has(path)) throw new RealtimeError('RT_LIVE_PATH', [path]);
				next.set(path, declaration);
				// No file and no export has a dot in its name, so a part never meets another path.
				for (const [name, part] of Object.entries(declaration.parts ?? {})) {
					add(`${path}.${name}`, part);
				}
			};
			for (const [module, exports] of Object.entries(modules)) {
				for (const [name, value] of Object.entries(exports)) add(`${module}/${name}`, value);
			}
			for (const listener of listeners) listener([...next.values()]);
			declarations = next;
		},
		watch(listener) {
			listener([...declarations.values()]);
			listeners.add(listener);
			return () => void listeners.delete(listener);
		}
	};
}

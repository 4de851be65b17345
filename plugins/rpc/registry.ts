/** Which live functions there are. */

import { declarationOf, RealtimeError, type Declaration } from 'svelte-realtime/kernel';

/** Module path (`admin/users`) → the module's exports. */
export type LiveModules = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface Registry {
	/** A path is only ever looked up in a Map, so no name of a prototype can be one. */
	get(path: unknown): Declaration | undefined;
	paths(): readonly string[];
	/** Replaces all modules in one step; running calls end as they began. */
	mount(modules: LiveModules): void;
}

export function createRegistry(): Registry {
	let declarations = new Map<unknown, Declaration>();
	return {
		get: (path) => declarations.get(path),
		paths: () => [...declarations.keys()] as string[],
		mount(modules) {
			const next = new Map<unknown, Declaration>();
			for (const [module, exports] of Object.entries(modules)) {
				for (const [name, value] of Object.entries(exports)) {
					const declaration = declarationOf(value);
					if (declaration === undefined) continue;
					const path = `${module}/${name}`;
					if (next.has(path)) throw new RealtimeError('RT_LIVE_PATH', [path]);
					next.set(path, declaration);
				}
			}
			declarations = next;
		}
	};
}

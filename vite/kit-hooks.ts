/** Stands in front of the app's `handle`, and finds out what live modules want of a request. */

import MagicString from 'magic-string';
import type { Plugin, Rollup } from 'vite';
import { PACKAGE } from './kinds.ts';
import { innerId, SERVER } from './virtual-ids.ts';

/** Stands in the server module until it is known whether some live module wants the event. */
export const REQUEST_EVENTS = '__SVELTE_REALTIME_REQUEST_EVENTS__';

const GET_HOOKS = 'export async function get_hooks()';

export interface KitHooksOptions {
	/** Whether there is something to serve. */
	isWanted(): Promise<boolean>;
	/** Folder of this package, whose own code is not the app's. */
	readonly ours: string;
}

/**
 * Wraps what SvelteKit takes the app's hooks from: the module that it generates, which imports
 * `hooks.server` where there is one. So `handle` is wrapped from outside, whoever wrote it.
 */
export function kitHooksPlugin({ isWanted, ours }: KitHooksOptions): Plugin {
	/** The modules that name `getRequestEvent`. */
	const naming = new Set<string>();

	return {
		name: `${PACKAGE}:kit-hooks`,

		transform: {
			filter: { code: [/export async function get_hooks\(\)/, /\bgetRequestEvent\b/] },
			async handler(code, id) {
				if (this.environment.config.consumer !== 'server') return;
				if (code.includes('getRequestEvent')) naming.add(id);
				if (!isGenerated(id) || !code.includes(GET_HOOKS) || !(await isWanted())) return;
				const text = new MagicString(code);
				const at = code.indexOf(GET_HOOKS);
				text.overwrite(at, at + GET_HOOKS.length, 'async function __get_hooks()');
				text.append(
					[
						`\nimport { wrapHooks } from '${PACKAGE}/adapter/hooks';`,
						`${GET_HOOKS} {\n\treturn wrapHooks(await __get_hooks());\n}\n`
					].join('\n')
				);
				return { code: text.toString(), map: text.generateMap({ hires: true }) };
			}
		},

		renderChunk: {
			order: 'pre',
			handler(code) {
				if (!code.includes(REQUEST_EVENTS)) return null;
				const text = new MagicString(code);
				const isNamed = reaches(
					(id) => (isForeign(id, ours) ? null : this.getModuleInfo(id)),
					naming
				);
				text.replaceAll(REQUEST_EVENTS, String(isNamed));
				return { code: text.toString(), map: text.generateMap({ hires: true }) };
			}
		}
	};
}

/** What somebody else has written, this package's own code from its sources included. */
function isForeign(id: string, ours: string): boolean {
	const folders = ['dist', 'kernel', 'plugins', 'presets', 'adapter'];
	return (
		id.includes('/node_modules/') || folders.some((folder) => id.startsWith(`${ours}/${folder}/`))
	);
}

/** `.svelte-kit/generated/server/internal.js`; with SvelteKit 3 `…/generated/build/server.js`. */
function isGenerated(id: string): boolean {
	return /\/generated\/(?:.*\/)?(?:internal|server)\.js(?:\?|$)/.test(id);
}

/** Whether the app's realtime side comes upon one of these modules by way of the app's own code. */
function reaches(
	infoOf: (id: string) => Pick<Rollup.ModuleInfo, 'importedIds' | 'dynamicallyImportedIds'> | null,
	wanted: ReadonlySet<string>
): boolean {
	const seen = new Set<string>();
	const open = [innerId(SERVER)!];
	for (let id = open.pop(); id !== undefined; id = open.pop()) {
		if (seen.has(id)) continue;
		seen.add(id);
		const info = infoOf(id);
		if (info && wanted.has(id)) return true;
		if (info) open.push(...info.importedIds, ...info.dynamicallyImportedIds);
	}
	return false;
}

/** The module that holds the app's realtime side: its config, its types' transport, its live modules. */

import { PACKAGE } from './kinds.ts';
import type { LiveFile } from './scan.ts';

export interface ServerSources {
	/** Live modules, and guards of folders. */
	readonly modules: readonly (LiveFile & { readonly isFresh?: boolean })[];
	/** realtime.config, where there is one. */
	readonly config: string | undefined;
	/** Universal hooks that export `transport`. */
	readonly hooks: string | undefined;
	/** Whether a module without a guard keeps the server from starting. @default false */
	readonly requireGuard?: boolean;
	/** Whether the app is one of SvelteKit. @default false */
	readonly isKit?: boolean;
	/** Whether some live module names `getRequestEvent`, as source text. @default none is said to */
	readonly requestEvents?: string | undefined;
}

/**
 * Source of `virtual:svelte-realtime/server`.
 *
 * Everything of the app is imported inside `load()`, not at the top: modules that read private
 * environment variables while they are evaluated find them only after SvelteKit's `Server.init`.
 */
export function serverModule({
	modules,
	config,
	hooks,
	requireGuard = false,
	isKit = false,
	requestEvents
}: ServerSources): string {
	const files = [config, hooks, ...modules.map(({ file }) => file)];
	const imports = files.map((file) => (file ? `import(${JSON.stringify(file)})` : 'undefined'));
	const names = modules.map((_, index) => `live${index}`);
	const entries = modules.map(({ path }, index) => `${JSON.stringify(path)}: live${index}`);
	const fresh = modules.flatMap(({ path, isFresh }) => (isFresh ? [path] : []));
	const more = [
		...(requireGuard ? ['requireGuard: true'] : []),
		...(isKit ? ['errors: { error, isHttpError, isRedirect }'] : []),
		...(requestEvents === undefined ? [] : [`requestEvents: ${requestEvents}`]),
		...(fresh.length > 0 ? [`fresh: ${JSON.stringify(fresh)}`] : [])
	];
	return `${isKit ? "import { error, isHttpError, isRedirect } from '@sveltejs/kit';\n" : ''}export { createApp, embed, start } from '${PACKAGE}/adapter/runtime';

export async function load() {
	const [${['config', 'hooks', ...names].join(', ')}] = await Promise.all([
		${imports.join(',\n\t\t')}
	]);
	return {
		config: config?.default,
		transport: hooks?.transport,
		modules: { ${entries.join(', ')} }${more.map((member) => `,\n\t\t${member}`).join('')}
	};
}
`;
}

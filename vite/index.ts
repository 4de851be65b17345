/** The Vite plugin of svelte-realtime. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { normalizePath, type Plugin, type ResolvedConfig } from 'vite';
import { createDevServer, previewWithServer, startWithServer } from './dev-server.ts';
import type { DevtoolsOptions } from './devtools/index.ts';
import { overlayCode, serveDescription } from './devtools/inject.ts';
import { featureModule, featurePlugin } from './features.ts';
import { browserImport, unknownModule } from './guard.ts';
import { createHotUpdates, type HotUpdates } from './hmr.ts';
import { readKitSettings } from './kit.ts';
import { kitHooksPlugin, REQUEST_EVENTS } from './kit-hooks.ts';
import { PACKAGE } from './kinds.ts';
import { findFile, type Manifest, type Resolve } from './manifest.ts';
import { isWithin } from './paths.ts';
import { asLog, type Problem } from './problem.ts';
import { createProject, isRealtime, type Project, type Reading } from './project.ts';
import { serverModule } from './server-module.ts';
import { serverOnlyPlugin } from './server-only.ts';
import { clientModule, clientStub, hooksSetup, serverStub } from './stubs.ts';
import { innerId, readInnerId, SERVER, type VirtualId } from './virtual-ids.ts';
import { createWarner } from './warnings.ts';

export interface RealtimeOptions {
	/** Folder of the live modules, seen from the root of the app. @default 'src/live' */
	dir?: string;
	/** Whether the types of `$live/*` are written into that folder. @default true */
	typedImports?: boolean;
	/**
	 * Whether a module with neither a guard, its own or of a folder, nor `export const _public = true`
	 * is an error, of the build and of the start. @default false
	 */
	requireGuard?: boolean;
	/** The overlay of `vite dev`, which shows what a page's client does. Never in builds. @default true */
	devtools?: boolean | DevtoolsOptions;
}

/**
 * Turns the functions of `src/live` into imports of `$live/*`, and serves them in dev and preview.
 *
 * @example plugins: [sveltekit(), realtime()]
 */
export function realtime(options: RealtimeOptions = {}): Plugin[] {
	let project: Project;
	let config: ResolvedConfig;
	let reading: Promise<Reading> | undefined;
	let hot: HotUpdates | undefined;
	let isActive = true;
	/** Live file → who imported it by its real path, for the message when that was a browser's code. */
	const importers = new Map<string, string | undefined>();

	function current(resolve?: Resolve): Promise<Reading> {
		return (reading ??= project.read(resolve));
	}

	const plugin: Plugin = {
		name: PACKAGE,
		api: options,

		config: (_, { command }) => ({
			ssr: {
				// One instance of the package for the app's pages and its realtime side, and its
				// imports of the app's virtual modules resolved by Vite. A build takes its dependencies
				// in as well: left outside, `cookie` would be whichever version the app's root has.
				noExternal: command === 'build' ? [PACKAGE, ...dependencies()] : [PACKAGE],
				// Native addons; no bundler can take them in.
				external: ['uWebSockets.js', 'bufferutil', 'utf-8-validate']
			},
			// Prebundled, it would be a second instance beside the one that the stubs import.
			optimizeDeps: { exclude: [PACKAGE, '$live'], include: [`${PACKAGE} > devalue`] },
			server: { fs: { allow: [packageRoot()] } }
		}),

		async configResolved(resolved) {
			config = resolved;
			// The adapter may bring the plugin along, without options; one acts, the author's if it has any.
			const twins = resolved.plugins.filter(({ name }) => name === PACKAGE);
			isActive =
				(twins.find((twin) => Object.keys(twin.api as object).length > 0) ?? twins[0]) === plugin;
			project = createProject({
				root: resolved.root,
				dir: options.dir ?? 'src/live',
				typedImports: options.typedImports ?? true,
				requireGuard: options.requireGuard ?? false,
				kit: await readKitSettings(resolved)
			});
		},

		async buildStart() {
			if (!isActive || config.command !== 'build') return;
			const found = await current(async (source, importer) => {
				const resolution = await this.resolve(source, importer, { skipSelf: true });
				return resolution?.id.split('?', 1)[0];
			});
			for (const problem of found.problems.slice(1)) config.logger.error(describe(problem));
			if (found.problems[0]) this.error(asLog(found.problems[0]));
			if (this.environment.name !== 'ssr' || !isRealtime(found)) return;
			// Through the logger: what Vite makes of a warning in a build has no place in it.
			createWarner(warn)(found.manifest.warnings);
			this.emitFile({
				type: 'chunk',
				id: SERVER,
				fileName: 'realtime.js',
				preserveSignature: 'strict'
			});
		},

		configureServer(server) {
			if (!isActive) return;
			const dev = createDevServer(server, project);
			if (options.devtools !== false) serveDescription(server);
			server.watcher.add(project.dir);
			const tell = createWarner(warn);
			hot = createHotUpdates({
				project,
				dev,
				current: () => current(dev.resolve),
				accept: (accepted) => {
					reading = Promise.resolve(accepted);
					tell(accepted.manifest.warnings);
				}
			});
			startWithServer(dev, async () => {
				const found = await current(dev.resolve);
				if (found.problems.length === 0) tell(found.manifest.warnings);
				return found;
			});
		},

		configurePreviewServer(server) {
			if (!isActive) return;
			// After SvelteKit's own hook, wherever that stands: private variables are set by then.
			return previewWithServer(server, project);
		},

		resolveId: {
			// Before Vite's own resolution, which would answer for relative imports.
			order: 'pre',
			filter: { id: [/^\$live\//, /^virtual:svelte-realtime\//, /^\.{0,2}\//, /^[A-Za-z]:/] },
			handler(id, importer) {
				if (!isActive) return;
				const target = importer && targetOf(id, importer);
				if (target && project.contains(target)) {
					importers.set(project.real(findFile(target) ?? target), importer);
				}
				return innerId(id);
			}
		},

		load: {
			filter: { id: [/^\0virtual:svelte-realtime\//, /\.[cm]?[jt]s(\?|$)/] },
			async handler(id) {
				if (!isActive) return;
				const isBrowser = this.environment.config.consumer === 'client';
				const virtual = readInnerId(id);
				if (virtual) {
					return { code: await source(virtual, isBrowser), map: { mappings: '' } };
				}
				const file = id.split('?', 1)[0] ?? id;
				const isSource = /\.[cm]?[jt]s$/.test(file) && project.contains(file);
				// Component tests of vitest run server and browser code in one environment.
				if (!isBrowser || !isSource || config.plugins.some(({ name }) => name === 'vitest')) return;
				const importer = importers.get(project.real(file))?.split('?', 1)[0];
				this.error(asLog(browserImport(project, file, importer)));
			}
		},

		transform: {
			filter: { code: /\bliveTransport\b/ },
			async handler(code, id) {
				if (!isActive || this.environment.config.consumer !== 'client') return;
				const { hooks } = await current();
				if (hooks !== project.named(id.split('?', 1)[0] ?? id)) return;
				const isWhole = config.command === 'serve';
				const overlay = overlayCode(options.devtools, config);
				return { code: code + hooksSetup(project.path, isWhole) + overlay, map: null };
			}
		},

		hotUpdate: {
			order: 'pre',
			handler(update) {
				const { name, moduleGraph } = this.environment;
				if (name === 'client') return hot?.client(moduleGraph, update);
				if (name === 'ssr') return hot?.server(moduleGraph, update);
			}
		}
	};

	function warn(warning: Problem): void {
		config.logger.warn(`[${PACKAGE}] ${describe(warning)}`);
	}

	/** The file that an import by a real path means, from the root of the app where it begins there. */
	function targetOf(id: string, importer: string): string {
		if (id.startsWith('.')) return join(dirname(importer), id);
		return isWithin(project.root, id) || project.contains(id) ? id : join(project.root, id);
	}

	async function source(virtual: VirtualId, isBrowser: boolean): Promise<string> {
		const { manifest, config: configFile, hooks, problems } = await current();
		if (virtual.is === 'client') {
			const { path, kit } = project;
			const isWhole = config.command === 'serve';
			const overlay = isBrowser ? overlayCode(options.devtools, config) : '';
			return clientModule({ path, hooks, isAsync: kit.isAsync, isWhole }) + overlay;
		}
		if (virtual.is === 'feature') return featureModule(virtual.name);
		if (virtual.is === 'server') {
			if (problems[0]) throw problems[0];
			const modules = [...manifest.modules.values(), ...manifest.guards];
			const requireGuard = options.requireGuard ?? false;
			const isKit = project.kit.isKit ?? false;
			// A dev server takes it that all of them do.
			const requestEvents = config.command === 'build' ? REQUEST_EVENTS : undefined;
			const sources = { modules, config: configFile, hooks, requireGuard };
			return serverModule({ ...sources, isKit, requestEvents });
		}
		const module = manifest.modules.get(virtual.path);
		if (!module) throw unknownModule(project, virtual.path, manifest);
		if (module.problems[0]) throw module.problems[0];
		return isBrowser ? clientStub(module) : serverStub(module, project.kit.isAsync);
	}

	const ours = normalizePath(packageRoot());
	const isWanted = async (): Promise<boolean> => isActive && isRealtime(await current());
	const manifestOf = async (): Promise<Manifest | undefined> =>
		isActive ? (await current()).manifest : undefined;
	return [
		plugin,
		featurePlugin(ours),
		kitHooksPlugin({ isWanted, ours }),
		serverOnlyPlugin(manifestOf)
	];
}

export default realtime;

/**
 * Stands where the plugin of another adapter stood, and does nothing.
 *
 * `realtime()` does it all, so that `[sveltekit(), uws(), realtime()]` works as `[sveltekit(),
 * realtime()]` does.
 */
export function uws(): Plugin {
	return { name: `${PACKAGE}:uws` };
}

function describe({ message, loc, id, frame }: Problem): string {
	const place = loc ? `${loc.file}:${loc.line}:${loc.column + 1}` : id;
	return `${message}\n${place}${frame ? `\n${frame}` : ''}`;
}

/** What this package needs to run, by its own package.json. */
function dependencies(): string[] {
	const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
	return Object.keys((JSON.parse(text) as { dependencies?: object }).dependencies ?? {});
}

/** The folder of this package, which a workspace may link from outside the app. */
function packageRoot(): string {
	let folder = dirname(fileURLToPath(import.meta.url));
	while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) {
		folder = dirname(folder);
	}
	return folder;
}

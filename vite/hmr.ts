/** What a saved file changes: nothing, handlers, stubs, or the whole app. */

import type { EnvironmentModuleGraph, EnvironmentModuleNode, HotUpdateOptions } from 'vite';
import type { DevServer } from './dev-server.ts';
import type { LiveModule, Manifest } from './manifest.ts';
import { isRealtime, type Project, type Reading } from './project.ts';
import { innerId, LIVE, SERVER } from './virtual-ids.ts';

type Modules = EnvironmentModuleNode[];

export interface HotUpdates {
	/** Before the browser is told: the stubs whose exports are not what they were. */
	client(graph: EnvironmentModuleGraph, options: HotUpdateOptions): Promise<Modules | undefined>;
	/** The server's side: fresh handlers in the running app, or the app anew. */
	server(graph: EnvironmentModuleGraph, options: HotUpdateOptions): Promise<Modules | undefined>;
}

export interface HotUpdateSources {
	readonly project: Project;
	readonly dev: DevServer;
	/** The last reading without problems, which the stubs are made from. */
	current(): Promise<Reading>;
	accept(reading: Reading): void;
}

/** Creates the handlers; Vite calls `client` first, then `server`, for each file. */
export function createHotUpdates({ project, dev, current, accept }: HotUpdateSources): HotUpdates {
	/** What the last call of `client` found, for the call of `server` on the same event. */
	let changed: { readonly event: string; readonly paths: Set<string>; readonly isBroken: boolean };

	async function client(
		graph: EnvironmentModuleGraph,
		options: HotUpdateOptions
	): Promise<Modules | undefined> {
		const event = eventOf(options);
		changed = { event, paths: new Set(), isBroken: false };
		const before = await current();
		if (!concerns(before, options.file)) return undefined;

		const after = await project.read(dev.resolve);
		const [problem] = after.problems;
		if (problem) {
			dev.fail(problem);
			changed = { event, paths: new Set(), isBroken: true };
			return project.contains(options.file) ? [] : undefined;
		}
		accept(after);
		changed = { event, paths: changedPaths(before.manifest, after.manifest), isBroken: false };
		const stubs = stubsIn(graph, changed.paths);
		return stubs.length > 0 ? [...options.modules, ...stubs] : undefined;
	}

	function concerns({ manifest }: Reading, file: string): boolean {
		if (project.contains(file)) return !file.endsWith('.d.ts');
		const read = [...manifest.modules.values(), ...manifest.guards];
		return project.isSetting(file) || read.some(({ reads }) => reads.includes(file));
	}

	async function server(
		graph: EnvironmentModuleGraph,
		options: HotUpdateOptions
	): Promise<Modules | undefined> {
		const { file, modules, timestamp } = options;
		const isLive = project.contains(file);
		if (changed.event !== eventOf(options)) return undefined;
		if (changed.isBroken || file.endsWith('.d.ts')) return isLive ? [] : undefined;

		const root = graph.getModuleById(innerId(SERVER) ?? '');
		const touched = upwards(modules);
		const isSetting = project.isSetting(file);
		const hasNewPaths = changed.paths.size > 0 || isSetting;
		if (!hasNewPaths && !(root && touched.has(root))) return undefined;

		const seen = new Set<EnvironmentModuleNode>();
		const stale = [
			...modules,
			...stubsIn(graph, changed.paths),
			...(hasNewPaths && root ? [root] : [])
		];
		for (const node of stale) graph.invalidateModule(node, seen, timestamp, true);
		const reading = await current();
		if (isRealtime(reading)) {
			const restarts = isSetting || [...touched].some((node) => isSettingOf(reading, node));
			await dev.refresh(restarts ? 'start' : 'replace');
		}
		// What is left to Vite here ends in a reload of every page; the handlers are already new.
		return isLive ? [] : undefined;
	}

	return { client, server };
}

function eventOf({ type, file, timestamp }: HotUpdateOptions): string {
	return `${type} ${file} ${timestamp}`;
}

function isSettingOf({ config, hooks }: Reading, { file }: EnvironmentModuleNode): boolean {
	return file !== null && (file === config || file === hooks);
}

/** The nodes and everything that imports them, at any distance. */
function upwards(nodes: readonly EnvironmentModuleNode[]): Set<EnvironmentModuleNode> {
	const seen = new Set<EnvironmentModuleNode>();
	const open = [...nodes];
	for (let node = open.pop(); node; node = open.pop()) {
		if (seen.has(node)) continue;
		seen.add(node);
		open.push(...node.importers);
	}
	return seen;
}

function stubsIn(graph: EnvironmentModuleGraph, paths: Iterable<string>): Modules {
	return [...paths].flatMap((path) => graph.getModuleById(innerId(LIVE + path) ?? '') ?? []);
}

/** Paths that came, went, or export something else than they did. */
export function changedPaths(before: Manifest, after: Manifest): Set<string> {
	const [old, fresh] = [before, after].map(({ modules, guards }) => {
		const all = [...modules.values(), ...guards];
		return new Map(all.map((module) => [module.path, shape(module)]));
	}) as [Map<string, string>, Map<string, string>];
	const paths = new Set([...old.keys(), ...fresh.keys()]);
	return new Set([...paths].filter((path) => old.get(path) !== fresh.get(path)));
}

function shape(module: LiveModule): string {
	return `${module.file}:${JSON.stringify(module.exports)}`;
}

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

/** What a change of one file means to the project. */
interface Found {
	/** A live module, the config or the hooks cannot be read as they stand now. */
	readonly isBroken: boolean;
	/** Live paths whose stubs are not what they were. */
	readonly paths: ReadonlySet<string>;
}

const NOTHING: Found = { isBroken: false, paths: new Set() };

/** Creates the handlers; Vite calls `client` first, then `server`, for each file. */
export function createHotUpdates({ project, dev, current, accept }: HotUpdateSources): HotUpdates {
	/** What the calls of `client` found, for the calls of `server` on the same events. */
	const found = new Map<string, Found>();
	/** Paths that the server has not been told of. Files that are saved together come side by side. */
	const pending = new Set<string>();
	/** The last reading had problems, and the app may not be what it says: it is loaded once more. */
	let wasBroken = false;
	let tail: Promise<unknown> = Promise.resolve();

	async function client(
		graph: EnvironmentModuleGraph,
		options: HotUpdateOptions
	): Promise<Modules | undefined> {
		const reading = tail.then(() => read(options.file));
		// The error is this call's; the next file is read whatever became of this one.
		tail = reading.catch(() => {});
		const change = await reading;
		found.set(eventOf(options), change);
		if (change.isBroken) return project.contains(options.file) ? [] : undefined;
		const stubs = stubsIn(graph, change.paths);
		return stubs.length > 0 ? [...options.modules, ...stubs] : undefined;
	}

	async function read(file: string): Promise<Found> {
		const before = await current();
		if (!concerns(before, file)) return NOTHING;
		wasBroken ||= before.problems.length > 0;

		const after = await project.read(dev.resolve);
		const [problem] = after.problems;
		if (problem) {
			wasBroken = true;
			dev.fail(problem);
			return { ...NOTHING, isBroken: true };
		}
		accept(after);
		const paths = changedPaths(before.manifest, after.manifest);
		paths.forEach((path) => pending.add(path));
		return { isBroken: false, paths };
	}

	function concerns({ manifest }: Reading, file: string): boolean {
		if (project.contains(file)) return !file.endsWith('.d.ts');
		const names = [project.named(file), project.real(file)];
		const read = [...manifest.modules.values(), ...manifest.guards];
		return (
			project.isSetting(file) ||
			read.some(({ reads }) => names.some((name) => reads.includes(name)))
		);
	}

	async function server(
		graph: EnvironmentModuleGraph,
		options: HotUpdateOptions
	): Promise<Modules | undefined> {
		const { file, modules, timestamp } = options;
		const change = found.get(eventOf(options));
		found.delete(eventOf(options));
		const isLive = project.contains(file);
		if (!change) return undefined;
		if (change.isBroken || file.endsWith('.d.ts')) return isLive ? [] : undefined;

		const root = graph.getModuleById(innerId(SERVER) ?? '');
		const touched = upwards(modules);
		const isSetting = project.isSetting(file);
		const isNew = pending.size > 0 || isSetting || wasBroken;
		if (!isNew && !(root && touched.has(root))) return undefined;

		const seen = new Set<EnvironmentModuleNode>();
		const stale = [...modules, ...stubsIn(graph, pending), ...(isNew && root ? [root] : [])];
		pending.clear();
		wasBroken = false;
		for (const node of stale) graph.invalidateModule(node, seen, timestamp, true);
		const reading = await current();
		if (isRealtime(reading)) {
			const isConfig = ({ file: of }: EnvironmentModuleNode): boolean =>
				of !== null && [reading.config, reading.hooks].includes(project.named(of));
			await dev.refresh(isSetting || [...touched].some(isConfig) ? 'start' : 'replace');
		} else dev.succeed();
		// What is left to Vite here ends in a reload of every page; the handlers are already new.
		return isLive ? [] : undefined;
	}

	return { client, server };
}

function eventOf({ type, file, timestamp }: HotUpdateOptions): string {
	return `${type} ${file} ${timestamp}`;
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

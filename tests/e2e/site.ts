/** Copies of the playground, built or in development, served by processes of their own. */

import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { basename, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));
const VITE = join(ROOT, 'node_modules/vite/bin/vite.js');

/** What tests make and need not make again; git ignores it. */
export const CACHE: string = join(ROOT, '.cache');

/** Folders of an app that are made of it. */
const MADE: readonly string[] = ['node_modules', 'build', '.svelte-kit'];

/** A running site. */
export interface Site {
	/** Without a slash at the end. */
	readonly url: string;
	/** The folder of the app; a test may edit its files. */
	readonly folder: string;
	/** What the server has printed so far. */
	output(): string;
	stop(): Promise<void>;
}

/** Builds a copy of the playground, or of another app, and starts what was built. */
export async function startProduction(name: string, source?: string): Promise<Site> {
	const { folder } = await buildCopy(name, source);
	const server = await startBuilt(folder);
	return { ...server, folder, stop: () => stop(server) };
}

/** What came of a build. */
export interface Built {
	readonly folder: string;
	/** What was printed. */
	readonly output: string;
}

/** Builds a copy of an app, the playground by default; what has been built already is copied. */
export async function buildCopy(
	name: string,
	source: string = join(ROOT, 'playground'),
	variables: Record<string, string> = {}
): Promise<Built> {
	const folder = await copyApp(name, source);
	const made = join(CACHE, 'builds', await stateOf(source, variables));
	if (!existsSync(made)) {
		const output = await build(folder, variables);
		// Aside and moved into place whole: two files that build the same do not meet.
		await mkdir(dirname(made), { recursive: true });
		const aside = await mkdtemp(`${made}-`);
		await cp(join(folder, 'build'), join(aside, 'build'), { recursive: true });
		await writeFile(join(aside, 'output.txt'), output);
		await rename(aside, made).catch(() => rm(aside, { recursive: true }));
		return { folder, output };
	}
	await cp(join(made, 'build'), join(folder, 'build'), { recursive: true });
	return { folder, output: await readFile(join(made, 'output.txt'), 'utf8') };
}

/** Another for every change of an app, of the package that it runs on, or of how it is built. */
async function stateOf(source: string, variables: Record<string, string>): Promise<string> {
	const hash = createHash('sha1').update(JSON.stringify([source, variables]));
	for (const root of [source, join(ROOT, 'dist'), join(ROOT, 'package-lock.json')]) {
		const isFolder = statSync(root).isDirectory();
		const names = isFolder ? await readdir(root, { recursive: true }) : [''];
		for (const name of names.sort()) {
			if (MADE.some((folder) => name.split(sep).includes(folder))) continue;
			const { size, mtimeMs } = statSync(join(root, name));
			hash.update(`${name} ${size} ${mtimeMs}\n`);
		}
	}
	return hash.digest('hex').slice(0, 16);
}

/** Builds the app that stands in `folder`. @throws {Error} with what was printed. */
export async function build(
	folder: string,
	variables: Record<string, string> = {}
): Promise<string> {
	const env = { NODE_ENV: 'production', ...variables };
	const launched = launch([process.execPath, VITE, 'build'], folder, env);
	const code = await launched.ended;
	if (code !== 0) throw new Error(`The build ended with ${code}.\n${launched.output()}`);
	return launched.output();
}

/** Runs what was built; a test may kill it, and start it again on the same port. */
export function startBuilt(
	folder: string,
	variables: Record<string, string> = {}
): Promise<Running> {
	const env = { NODE_ENV: 'production', HOST: '127.0.0.1', PORT: '0', ...variables };
	return run([process.execPath, 'build'], folder, env, /Listening on (http:\S+)/);
}

/** Starts Vite's dev server on a copy of the playground. */
export async function startDev(name: string): Promise<Site> {
	const folder = await copyApp(name);
	const port = String(await freePort());
	const flags = ['--host', '127.0.0.1', '--port', port, '--strictPort'];
	const command = [process.execPath, VITE, 'dev', ...flags];
	const server = await run(command, folder, {}, /Local:\s+(http:\S+)/);
	return { ...server, folder, stop: () => stop(server) };
}

async function copyApp(name: string, source: string = join(ROOT, 'playground')): Promise<string> {
	if (!existsSync(join(ROOT, 'dist'))) {
		throw new Error(
			'The playground runs on the built package, and dist/ is missing: npm run build.'
		);
	}
	const folder = join(CACHE, 'e2e', name);
	await rm(folder, { recursive: true, force: true });
	await mkdir(join(CACHE, 'e2e'), { recursive: true });
	await cp(source, folder, {
		recursive: true,
		filter: (file) => !MADE.includes(basename(file))
	});
	return folder;
}

// --- processes ---

/** A process. */
export interface Launched {
	readonly child: ChildProcess;
	output(): string;
	/** Resolves when the process has ended, with its code. */
	readonly ended: Promise<number | null>;
	/** Calls back on everything that is printed. */
	onOutput(listener: () => void): void;
}

function launch(
	[program, ...args]: readonly string[],
	cwd: string,
	variables: Record<string, string>
): Launched {
	const child = spawn(program!, args, {
		cwd,
		env: { ...plainEnvironment(), NO_COLOR: '1', ...variables },
		stdio: ['ignore', 'pipe', 'pipe']
	});
	let output = '';
	const listeners: (() => void)[] = [];
	const collect = (chunk: string): void => {
		output += chunk;
		for (const listener of listeners) listener();
	};
	child.stdout.setEncoding('utf8').on('data', collect);
	child.stderr.setEncoding('utf8').on('data', collect);

	// A test run that is broken off leaves no server behind.
	const kill = (): void => void child.kill('SIGKILL');
	process.once('exit', kill);
	const ended = new Promise<number | null>((resolve) => {
		child.once('close', (code) => {
			process.off('exit', kill);
			resolve(code);
		});
	});
	return {
		child,
		ended,
		output: () => output,
		onOutput: (listener) => void listeners.push(listener)
	};
}

/** The environment without what a test runner sets: Vite and Svelte build otherwise for tests. */
export function plainEnvironment(): NodeJS.ProcessEnv {
	const foreign =
		/^(VITEST|VITE_|NODE_ENV$|NODE_OPTIONS$|FORCE_COLOR$|TEST$|DEV$|PROD$|SSR$|MODE$|BASE_URL$)/;
	return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}

/** A server that listens. */
export interface Running extends Launched {
	/** Without a slash at the end. */
	readonly url: string;
}

/** Starts a server, and waits for the `line` in which it says where it listens. */
export async function run(
	command: readonly string[],
	cwd: string,
	variables: Record<string, string>,
	line: RegExp
): Promise<Running> {
	const launched = launch(command, cwd, variables);
	const found = await new Promise<string>((resolve, reject) => {
		launched.onOutput(() => {
			const match = line.exec(launched.output());
			if (match) resolve(match[1]!);
		});
		void launched.ended.then((code) => {
			reject(new Error(`The server ended with ${code} before it listened.\n${launched.output()}`));
		});
	});
	return { ...launched, url: found.replace(/\/$/, '') };
}

/** Ends a server as an operator does; by force where it does not heed that. */
export async function stop({ child, ended }: Launched): Promise<void> {
	child.kill('SIGTERM');
	const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
	await ended;
	clearTimeout(force);
}

/** Vite takes port 0 for its own default, so a free one is looked up. */
export async function freePort(): Promise<number> {
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	await new Promise((resolve) => server.close(resolve));
	return port;
}

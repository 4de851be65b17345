/** What a bench stands on: the machine, the native server, a build of the sources as they are. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import uWS from 'uWebSockets.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const SOURCES = ['kernel', 'plugins', 'presets', 'adapter'];

/** Prints the machine on standard error. */
export function showMachine() {
	const [cpu] = cpus();
	console.error(
		`${cpu?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ` +
			`${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${release()}, ` +
			`Node ${process.versions.node}, load ${loadavg()[0].toFixed(2)}`
	);
}

/** Returns why the rows would mean nothing here: the package fell back to its JS emulation. */
export function requireNative() {
	if (/\[native code\]/.test(String(uWS.App))) return undefined;
	return 'uWebSockets.js has no native build for this machine and emulates itself in JS: nothing to measure.';
}

/** Returns why there is no build to measure. */
export function requireBuild() {
	const entry = `${root}dist/index.js`;
	if (!existsSync(entry)) return 'There is no build to measure: run npm run build first.';
	const built = statSync(entry).mtimeMs;
	const newer = SOURCES.flatMap(sourcesIn).find((file) => statSync(file).mtimeMs > built);
	if (newer === undefined) return undefined;
	return `${newer.slice(root.length)} is newer than dist: run npm run build first.`;
}

function sourcesIn(folder) {
	return readdirSync(root + folder, { recursive: true })
		.filter((name) => name.endsWith('.ts'))
		.map((name) => `${root}${folder}/${name}`);
}

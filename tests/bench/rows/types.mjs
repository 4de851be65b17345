/** What the types of `$live/*` add to type-checking an app with 300 live modules that uses all of them. */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readApp, writeApp } from '../live/app.mjs';

const MODULES = 300;
const ROUNDS = 5;
const tsc = createRequire(import.meta.url).resolve('typescript/lib/tsc.js');
const run = promisify(execFile);

/** The same app without them: everything of `$live/*` is `any`. */
const UNTYPED = "declare module '$live/*' {\n\tconst all: any;\n\texport = all;\n}\n";

const CONFIG = {
	compilerOptions: {
		target: 'es2022',
		lib: ['es2023', 'dom', 'dom.iterable'],
		module: 'esnext',
		moduleResolution: 'bundler',
		strict: true,
		noImplicitAny: false,
		skipLibCheck: true,
		noEmit: true,
		allowImportingTsExtensions: true,
		types: []
	},
	include: ['src']
};

/** @type {import('../run.mjs').Row} */
export const types = {
	name: 'types',
	unit: `seconds of CPU of tsc for ${MODULES} live modules`,
	async measure({ calibrate, say }) {
		const app = await writeApp(MODULES);
		try {
			await readApp(app.root);
			await writeFile(join(app.root, 'tsconfig.json'), JSON.stringify(CONFIG));
			const file = join(app.root, 'src/live/$types.d.ts');
			const typed = calibrate ? UNTYPED : await readFile(file, 'utf8');
			const rounds = [];
			for (let round = 0; round <= ROUNDS; round++) {
				const control = await check(app.root, file, UNTYPED);
				const ours = await check(app.root, file, typed);
				say(round === 0 ? 'warm' : `${round}/${ROUNDS}`);
				if (round > 0) rounds.push({ ours, control, ratio: ours.total / control.total });
			}
			rounds.sort((a, b) => a.ratio - b.ratio);
			const { ours, control, ratio } = rounds[rounds.length >> 1];
			return {
				ours: ours.total,
				control: control.total,
				ratio,
				spread: [rounds[0].ratio, rounds.at(-1).ratio],
				oursChecking: ours.checking,
				controlChecking: control.checking,
				oursInstantiations: ours.instantiations,
				controlInstantiations: control.instantiations,
				gates: { 'ratio <= 1.2': ratio <= 1.2 }
			};
		} finally {
			await app.close();
		}
	}
};

/**
 * Runs tsc, and says what it took: its processor time, since on a busy machine its clock says more
 * about the others.
 */
async function check(root, file, text) {
	await writeFile(file, text);
	const told = "process.on('exit', () => console.log('CPU:', process.cpuUsage().user / 1e6))";
	const { stdout } = await run(process.execPath, [
		'--import',
		`data:text/javascript,${encodeURIComponent(told)}`,
		tsc,
		'-p',
		root,
		'--extendedDiagnostics'
	]);
	const read = (name) => Number(new RegExp(`^${name}: *([\\d.]+)`, 'm').exec(stdout)[1]);
	return {
		total: read('CPU'),
		checking: read('Check time'),
		instantiations: read('Instantiations')
	};
}

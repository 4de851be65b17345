/** How long the plugin takes to read 1,000 live modules and write their types, before anything is warm. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writeApp } from '../live/app.mjs';

const MODULES = 1000;
const ROUNDS = 5;
const reader = fileURLToPath(new URL('../live/app.mjs', import.meta.url));
const run = promisify(execFile);

/** @type {import('../run.mjs').Row} */
export const scan = {
	name: 'scan',
	unit: `milliseconds for ${MODULES} live modules`,
	async measure({ say }) {
		const app = await writeApp(MODULES);
		try {
			const times = [];
			for (let round = 1; round <= ROUNDS; round++) {
				const { stdout } = await run(process.execPath, [reader, app.root]);
				times.push(Number(stdout));
				say(`${round}/${ROUNDS}`);
			}
			times.sort((a, b) => a - b);
			const ours = times[times.length >> 1];
			const gates = { 'at most 1500 ms': ours <= 1500 };
			return { ours, control: 1500, ratio: ours / 1500, spread: [times[0], times.at(-1)], gates };
		} finally {
			await app.close();
		}
	}
};

/** Many seeds at once: a bundle of the simulator, and workers that play it. */

import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

/**
 * Plays the seeds from `first` to `last`.
 *
 * @param {string} file What `bundle()` has written.
 * @param {{ first?: number, last: number, jobs?: number, most?: number, within?: number }} range
 * Ends early once each worker has `most` failed seeds (default 3), or `within` milliseconds are over.
 * @returns {Promise<{ played: number, failures: { seed: number, hash: string, violations: string[] }[] }>}
 * Failures by seed.
 */
export async function play(file, { first = 1, last, jobs, most = 3, within = Infinity }) {
	const step = Math.max(1, Math.min(jobs ?? availableParallelism(), last - first + 1));
	const deadline = Date.now() + within;
	const failures = [];
	let played = 0;
	const run = (index) =>
		new Promise((resolve, reject) => {
			const workerData = { file: pathToFileURL(file).href, last, step, most, deadline };
			const worker = new Worker(new URL('worker.mjs', import.meta.url), {
				workerData: { ...workerData, first: first + index }
			});
			worker.on('message', (message) => {
				if (message.played === undefined) failures.push(message);
				else played += message.played;
			});
			worker.on('error', reject);
			worker.on('exit', resolve);
		});
	await Promise.all(Array.from({ length: step }, (_, index) => run(index)));
	return { played, failures: failures.sort((one, other) => one.seed - other.seed) };
}

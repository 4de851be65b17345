/** Plays one seed after the other and reports each that does not hold. */

import { parentPort, workerData } from 'node:worker_threads';

const { file, first, step, last, most, deadline } = workerData;
const { simulate } = await import(file);

let played = 0;
let failed = 0;
for (let seed = first; seed <= last && failed < most && Date.now() < deadline; seed += step) {
	const { violations, hash } = await simulate(seed);
	played += 1;
	if (violations.length > 0) {
		failed += 1;
		parentPort.postMessage({ seed, hash, violations });
	}
	// Lets what a failed schedule has left behind come to its end, and messages leave.
	if (played % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
}
parentPort.postMessage({ played });

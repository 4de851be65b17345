/**
 * The simulator by hand.
 *
 * node tests/simulator/run.mjs                 2,000 schedules
 * node tests/simulator/run.mjs 1000000         as many, from seed 1
 * node tests/simulator/run.mjs 5000 --from 77  from another seed
 * node tests/simulator/run.mjs --seed 1234     one of them, with its trace
 */

import { parseArgs } from 'node:util';
import { bundle } from './bundle.mjs';
import { play } from './farm.mjs';

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { from: { type: 'string' }, seed: { type: 'string' }, jobs: { type: 'string' } }
});
const file = await bundle('run');

if (values.seed !== undefined) {
	const { simulate } = await import(file);
	const { trace, hash, violations } = await simulate(Number(values.seed), { trace: true });
	console.log(trace.join('\n'));
	console.log(`seed ${values.seed}, trace ${hash}, ${violations.length} violations`);
	process.exitCode = violations.length > 0 ? 1 : 0;
} else {
	const end = Number(values.from ?? 1) + Number(positionals[0] ?? 2000);
	const jobs = values.jobs === undefined ? undefined : Number(values.jobs);
	const begun = Date.now();
	let total = 0;
	let failed = 0;
	// In parts, so that a long run says how far it has come.
	for (let first = Number(values.from ?? 1); first < end && failed === 0; first += 20_000) {
		const last = Math.min(first + 20_000, end) - 1;
		const { played, failures } = await play(file, { first, last, jobs });
		total += played;
		failed += failures.length;
		for (const { seed, hash, violations } of failures) {
			console.log(`seed ${seed}, trace ${hash}\n\t${violations.join('\n\t')}`);
		}
		const seconds = Math.round((Date.now() - begun) / 1000);
		console.log(`${total} schedules in ${seconds} s, ${failed} failed`);
	}
	process.exitCode = failed > 0 ? 1 : 0;
}

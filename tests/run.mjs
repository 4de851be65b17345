/**
 * `npm test`: builds the package, then runs every test, and says at the end what came of them.
 *
 * `--long` adds what takes longer than a change should wait for.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const report = '.cache/tests.json';

function run(command, args, env = {}) {
	const { status, error } = spawnSync(command, args, {
		cwd: root,
		stdio: 'inherit',
		env: { ...process.env, ...env }
	});
	if (error) throw error;
	return status ?? 1;
}

if (run('npm', ['run', 'build']) !== 0) process.exit(1);

mkdirSync(new URL('../.cache', import.meta.url), { recursive: true });
rmSync(new URL(`../${report}`, import.meta.url), { force: true });
const status = run(
	'npx',
	[
		'vitest',
		'run',
		'--config',
		'tests/vitest.config.ts',
		'--reporter=default',
		'--reporter=json',
		`--outputFile.json=${report}`
	],
	process.argv.includes('--long') ? { TEST_LONG: '1' } : {}
);

const result = JSON.parse(readFileSync(new URL(`../${report}`, import.meta.url), 'utf8'));
const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = result;
console.log(
	`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests + numTodoTests} skipped`
);
process.exit(status !== 0 || numPassedTests === 0 ? 1 : 0);

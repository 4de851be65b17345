/** What `npm run check` asks of the built package: its form on one core, its types on another. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs commands one after the other, as long as they succeed. Prints what each has said in one piece. */
async function succeed(...commands) {
	for (const [command, ...args] of commands) {
		const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
		const chunks = [];
		child.stdout.on('data', (chunk) => chunks.push(chunk));
		child.stderr.on('data', (chunk) => chunks.push(chunk));
		const code = await new Promise((resolve, reject) => {
			child.once('error', reject);
			child.once('close', resolve);
		});
		process.stdout.write(`> ${[command, ...args].join(' ')}\n${Buffer.concat(chunks)}\n`);
		if (code !== 0) return false;
	}
	return true;
}

const succeeded = await Promise.all([
	succeed(['npx', 'prettier', '--check', '.']),
	succeed(['npx', 'tsc', '-p', 'tests'], ['npm', 'run', 'check', '--workspace', 'playground'])
]);
process.exit(succeeded.every(Boolean) ? 0 : 1);

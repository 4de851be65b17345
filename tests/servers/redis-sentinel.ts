/** A Sentinel of the tests' own. */

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../e2e/site.ts';
import { findRedis } from './redis-binary.ts';
import type { RedisServer } from './redis.ts';

export interface Sentinel {
	readonly url: string;
	stop(): Promise<void>;
}

/** Watches a server under the name `main`, and replaces it by a replica of it. */
export async function startSentinel(main: RedisServer): Promise<Sentinel> {
	const binary = await findRedis();
	const folder = await mkdtemp(join(tmpdir(), 'sentinel-'));
	const port = await freePort();
	// It writes what it finds into its own file.
	const file = join(folder, 'sentinel.conf');
	const lines = [
		`port ${port}`,
		'bind 127.0.0.1',
		`dir ${folder}`,
		`sentinel monitor main 127.0.0.1 ${main.port} 1`,
		'sentinel down-after-milliseconds main 300',
		'sentinel failover-timeout main 2000'
	];
	await writeFile(file, lines.join('\n'));
	const child = spawn(binary.path, [file, '--sentinel'], {
		env: { ...process.env, ...binary.env },
		stdio: ['ignore', 'pipe', 'pipe']
	});
	const killNow = (): void => void child.kill('SIGKILL');
	process.once('exit', killNow);
	await new Promise<void>((resolve, reject) => {
		child.stdout.on('data', (chunk: Buffer) => {
			if (chunk.toString().includes('+monitor master main')) resolve();
		});
		child.once('error', reject);
		child.once('exit', (code) => reject(new Error(`The sentinel ended with ${code}.`)));
	});
	return {
		url: `redis://127.0.0.1:${port}`,
		async stop() {
			process.off('exit', killNow);
			const ended = new Promise((resolve) => child.once('exit', resolve));
			child.kill('SIGKILL');
			await ended;
			await rm(folder, { recursive: true, force: true });
		}
	};
}

/** Redis servers of the tests' own, on free ports, that keep nothing on disk. */

import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../e2e/site.ts';
import { findRedis } from './redis-binary.ts';

export interface RedisServer {
	readonly url: string;
	readonly port: number;
	/** Stops answering, as a machine that hangs does. */
	freeze(): void;
	/** Answers again. */
	thaw(): void;
	/** Ends it at once, with all that it held. */
	kill(): Promise<void>;
	/** Starts it again on the same port, empty. */
	restart(): Promise<void>;
	stop(): Promise<void>;
}

/** @param flags Further options, as `--maxmemory 1mb`. */
export async function startRedis(...flags: readonly string[]): Promise<RedisServer> {
	const binary = await findRedis();
	const folder = await mkdtemp(join(tmpdir(), 'redis-'));
	let port = await freePort();
	let child: ChildProcess;

	async function start(): Promise<void> {
		const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
		// A replica begins at once.
		const memory = ['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0'];
		child = spawn(binary.path, [...options, ...memory, ...flags], {
			env: { ...process.env, ...binary.env },
			stdio: ['ignore', 'pipe', 'pipe']
		});
		await ready(child);
	}

	async function kill(): Promise<void> {
		if (child.exitCode !== null || child.signalCode !== null) return;
		const ended = new Promise((resolve) => child.once('exit', resolve));
		child.kill('SIGKILL');
		await ended;
	}

	// A test run that is broken off leaves no server behind.
	const killNow = (): void => void child.kill('SIGKILL');
	process.once('exit', killNow);
	// Between finding a port and taking it somebody else may have.
	await start().catch(async (error: Error) => {
		if (!error.message.includes('in use')) throw error;
		port = await freePort();
		await start();
	});
	return {
		url: `redis://127.0.0.1:${port}`,
		port,
		freeze: () => void child.kill('SIGSTOP'),
		thaw: () => void child.kill('SIGCONT'),
		kill,
		restart: async () => {
			await kill();
			await start();
		},
		async stop() {
			process.off('exit', killNow);
			await kill();
			await rm(folder, { recursive: true, force: true });
		}
	};
}

/** Waits until a server takes connections. @throws {Error} with what it printed, where it ends. */
function ready(child: ChildProcess): Promise<void> {
	return new Promise((resolve, reject) => {
		let output = '';
		const collect = (chunk: Buffer): void => {
			output += chunk.toString();
			if (output.includes('Ready to accept connections')) resolve();
		};
		child.stdout!.on('data', collect);
		child.stderr!.on('data', collect);
		child.once('error', reject);
		child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}.\n${output}`)));
	});
}

/** A Redis for tests that neither stop it nor set it up: that of REDIS_URL, else one of their own. */
export async function plainRedis(): Promise<
	Pick<RedisServer, 'url' | 'stop'> & { prefix: string }
> {
	const { REDIS_URL: url } = process.env;
	// What an earlier run has left there is nobody's.
	const prefix = `test-${randomUUID()}:`;
	if (url !== undefined) return { url, prefix, stop: async () => {} };
	return { ...(await startRedis()), prefix };
}

/** Postgres servers of the tests' own, on free ports; or databases in the one of POSTGRES_URL. */

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { freePort } from '../e2e/site.ts';
import { isRoot, run } from './apt.ts';
import { findPostgres, type PostgresBinary } from './postgres-binary.ts';

export interface Database {
	readonly url: string;
	/** Runs SQL over a connection of its own. */
	query<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
	stop(): Promise<void>;
}

export interface PostgresServer extends Database {
	readonly port: number;
	/** Ends it as a crash does; what was committed is kept. */
	crash(): Promise<void>;
	/** Starts it again on the same port. */
	restart(): Promise<void>;
}

/** An empty database: in the server that POSTGRES_URL names, else in one of its own. */
export async function startDatabase(): Promise<Database> {
	const given = process.env['POSTGRES_URL'];
	if (!given) return startPostgres();
	const name = `realtime_${process.pid}_${Math.random().toString(36).slice(2)}`;
	const url = new URL(given);
	url.pathname = `/${name}`;
	await query(given, `create database ${name}`);
	return {
		url: url.href,
		query: (sql, values) => query(url.href, sql, values),
		stop: async () => void (await query(given, `drop database ${name} with (force)`))
	};
}

/** A server of its own, which a test may end. */
export async function startPostgres(): Promise<PostgresServer> {
	const binary = await findPostgres();
	const user = await unprivileged();
	const template = await emptyCluster(binary, user);
	const folder = await mkdtemp(join(tmpdir(), 'postgres-'));
	if (user.uid !== undefined) await chown(folder, user.uid, user.gid!);
	await run('cp', ['-r', `${template}/.`, folder], user);
	await run('chmod', ['700', folder]);
	const port = await freePort();
	const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
	let child: ChildProcess;

	async function start(): Promise<void> {
		const place = ['-D', folder, '-k', folder, '-h', '127.0.0.1', '-p', String(port)];
		// It keeps what was committed through its own end, not through that of the machine.
		const settings = ['-F', '-c', 'shared_buffers=16MB', '-c', 'max_connections=200'];
		child = spawn(join(binary.folder, 'postgres'), [...place, ...settings], {
			...user,
			cwd: folder,
			env: { ...process.env, ...binary.env },
			stdio: ['ignore', 'pipe', 'pipe']
		});
		await ready(child);
	}

	async function crash(): Promise<void> {
		if (child.exitCode !== null || child.signalCode !== null) return;
		const ended = new Promise((resolve) => child.once('exit', resolve));
		child.kill('SIGQUIT');
		await ended;
	}

	// A test run that is broken off leaves no server behind.
	const endNow = (): void => void child.kill('SIGQUIT');
	process.once('exit', endNow);
	await start();
	return {
		url,
		port,
		query: (sql, values) => query(url, sql, values),
		crash,
		restart: async () => {
			await crash();
			await start();
		},
		async stop() {
			process.off('exit', endNow);
			await crash();
			await rm(folder, { recursive: true, force: true });
		}
	};
}

/** Who runs it. */
interface User {
	readonly uid?: number;
	readonly gid?: number;
}

/** Postgres refuses to run as root. */
async function unprivileged(): Promise<User> {
	if (!isRoot) return {};
	for (const name of ['postgres', 'nobody']) {
		try {
			const ids = ['-u', '-g'].map(async (which) =>
				Number((await run('id', [which, name])).stdout)
			);
			const [uid, gid] = await Promise.all(ids);
			return { uid: uid!, gid: gid! };
		} catch {
			// The system has no such user.
		}
	}
	throw new Error('There is no user postgres or nobody that could run Postgres.');
}

/** A cluster as initdb makes it, which takes a second: made once, and copied. */
async function emptyCluster(binary: PostgresBinary, user: User): Promise<string> {
	const { stdout } = await run(join(binary.folder, 'postgres'), ['--version'], {
		env: { ...process.env, ...binary.env }
	});
	const version = stdout.replace(/[^\w.]+/g, '-');
	const folder = join(
		tmpdir(),
		`svelte-realtime-${version}${user.uid ?? process.getuid?.() ?? ''}`
	);
	if (existsSync(folder)) return folder;
	const aside = await mkdtemp(`${folder}-`);
	if (user.uid !== undefined) await chown(aside, user.uid, user.gid!);
	const options = ['-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync'];
	await run(join(binary.folder, 'initdb'), ['-D', aside, ...options], {
		...user,
		cwd: tmpdir(),
		env: { ...process.env, ...binary.env }
	});
	// The loser of a race finds it in place.
	await run('mv', ['-T', aside, folder]).catch(() => rm(aside, { recursive: true }));
	return folder;
}

/** Waits until a server takes connections. @throws {Error} with what it printed, where it ends. */
function ready(child: ChildProcess): Promise<void> {
	return new Promise((resolve, reject) => {
		let output = '';
		const collect = (chunk: Buffer): void => {
			// What it says later is read as well, or it would wait for that, and not kept.
			if (output.length < 100_000) output += chunk.toString();
			if (output.includes('ready to accept connections')) resolve();
		};
		child.stdout!.on('data', collect);
		child.stderr!.on('data', collect);
		child.once('error', reject);
		child.once('exit', (code) => reject(new Error(`postgres ended with ${code}.\n${output}`)));
	});
}

async function query<Row extends object>(
	url: string,
	sql: string,
	values: readonly unknown[] = []
): Promise<Row[]> {
	const client = new Client({ connectionString: url });
	await client.connect();
	try {
		return (await client.query<Row>(sql, [...values])).rows;
	} finally {
		await client.end();
	}
}

/** A real nginx for a test, with a config and a folder of its own. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../e2e/site.ts';
import { isRoot } from './apt.ts';
import { findNginx } from './nginx-binary.ts';
import { until } from './until.ts';

/** The proxy that the documentation shows. */
const CONFIG = join(ROOT, 'playground/nginx.conf');
const CERTIFICATE = join(ROOT, 'tests/fixtures/tls');

/** Folders that a server has to be told, since those of the system are not its own. */
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

export interface NginxOptions {
	/** Where to listen, on 127.0.0.1. */
	readonly port: number;
	/** Whom to ask, as `host:port` or urls. */
	readonly instances: readonly string[];
	/** Whether browsers come with TLS, and with HTTP/2 for what is no socket. @default true */
	readonly isSecure?: boolean;
	/** `kit.paths.base` of the app. @default '' */
	readonly base?: string;
	readonly changes?: Changes;
}

/** What is otherwise than in the config: a text that stands there, and what to put in its place. */
export type Changes = readonly (readonly [find: string, replace: string])[];

export interface Nginx {
	/** Without a slash at the end, and without the base. */
	readonly url: string;
	/** What it has printed so far. */
	output(): string;
	/** Reads the config again, with other changes or the same ones; workers of before end as it says. */
	reload(changes?: Changes): Promise<void>;
	stop(): Promise<void>;
}

/** Starts `playground/nginx.conf` on this machine, with the changes that a test makes. */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
	const { path, env } = await findNginx();
	const folder = await mkdtemp(join(tmpdir(), 'realtime-nginx-'));
	const write = async (how: NginxOptions): Promise<void> =>
		writeFile(join(folder, 'nginx.conf'), await configOf(how, folder));
	await write(options);
	// What is in the folder is read by the workers as well, which are somebody else's where it is root's.
	const main = `daemon off; pid nginx.pid; error_log stderr notice;${isRoot ? ' user root;' : ''}`;
	const child = spawn(path, ['-p', folder, '-e', 'stderr', '-c', 'nginx.conf', '-g', main], {
		env: { ...process.env, ...env },
		stdio: ['ignore', 'ignore', 'pipe']
	});
	// Not by force, which its workers would outlive.
	const kill = (): void => void child.kill('SIGTERM');
	process.once('exit', kill);
	let output = '';
	child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
	const ended = once(child, 'close');
	const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
	const stop = async (): Promise<void> => {
		child.kill('SIGTERM');
		await ended;
		process.off('exit', kill);
		await rm(folder, { recursive: true, force: true });
	};
	await until(async () => {
		if (isOver()) throw new Error(`nginx has ended before it listened.\n${output}`);
		return listens(options.port);
	}).catch((error: unknown) => stop().then(() => Promise.reject(error)));
	return {
		url: `${options.isSecure === false ? 'http' : 'https'}://localhost:${options.port}`,
		output: () => output,
		async reload(changes = options.changes ?? []) {
			const { length } = output;
			await write({ ...options, changes });
			child.kill('SIGHUP');
			await until(() => output.includes('start worker process', length));
		},
		stop
	};
}

function listens(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect(port, '127.0.0.1');
		socket.on('connect', () => (socket.destroy(), resolve(true)));
		socket.on('error', () => resolve(false));
	});
}

/** @throws {Error} where a change finds nothing: the config says something else by now. */
async function configOf(options: NginxOptions, folder: string): Promise<string> {
	const { port, instances, isSecure = true, base = '', changes = [] } = options;
	const servers = instances.map((at) => `server ${at.replace(/^https?:\/\//, '')} max_fails=0;`);
	const temporary = TEMPORARY.map((name) => `${name}_temp_path ${join(folder, name)};`);
	const tls = [
		`listen 127.0.0.1:${port} ssl http2;`,
		`ssl_certificate ${join(CERTIFICATE, 'cert.pem')};`,
		`ssl_certificate_key ${join(CERTIFICATE, 'key.pem')};`
	];
	let config = await readFile(CONFIG, 'utf8');
	const change = (find: string | RegExp, replace: string): void => {
		const next = config.replaceAll(find, () => replace);
		if (next === config) throw new Error(`${CONFIG} has nothing of "${find}".`);
		config = next;
	};
	change('worker_processes auto;', 'worker_processes 1;');
	change('http {', `http {\n${[...temporary, 'access_log off;'].join('\n')}`);
	change(/server one:.*\n.*server two:.*/g, servers.join('\n'));
	change('listen 8080;', isSecure ? tls.join('\n') : `listen 127.0.0.1:${port};`);
	if (base) {
		change('location / {', `location ${base}/ {`);
		change('location = /ws {', `location = ${base}/ws {`);
	}
	for (const [find, replace] of changes) change(find, replace);
	return config;
}

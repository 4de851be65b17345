/** An instance in a process of its own, which a test can stop and kill. */

import { fork, type ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'vite';
import { CACHE } from '../e2e/site.ts';

export interface Child<Message> {
	/** What it has said, oldest first. */
	readonly said: readonly Message[];
	/** Tells it something; it hears by `process.on('message')`. */
	send(message: object): void;
	/** Stands still, as a process on a machine that hangs does. */
	freeze(): void;
	thaw(): void;
	/** Ends it at once. */
	kill(): Promise<void>;
	/** Lets it end by itself, as on SIGTERM. */
	end(): Promise<void>;
}

/** Test files of one run are in processes of their own; leftovers.ts removes what these leave. */
const OUT = join(CACHE, 'children', `${process.pid}`);

const builds = new Map<string, Promise<string>>();

/** Writes a source file and what it imports of this package as one script that Node runs. */
export function built(file: string): Promise<string> {
	const existing = builds.get(file);
	if (existing) return existing;
	const made = write(file);
	builds.set(file, made);
	return made;
}

async function write(file: string): Promise<string> {
	const name = `${basename(file, '.ts')}.mjs`;
	await mkdir(OUT, { recursive: true });
	await build({
		configFile: false,
		logLevel: 'error',
		resolve: { conditions: ['source'] },
		ssr: { noExternal: [/^svelte-realtime/], resolve: { conditions: ['source'] } },
		build: {
			ssr: file,
			outDir: OUT,
			emptyOutDir: false,
			minify: false,
			rollupOptions: { output: { entryFileNames: name } }
		}
	});
	return join(OUT, name);
}

const children = new Set<ChildProcess>();
process.once('exit', () => {
	for (const child of children) child.kill('SIGKILL');
	rmSync(OUT, { recursive: true, force: true });
});

/** @param options What the child finds, as JSON, in its first argument. */
export async function startChild<Message>(file: string, options: object): Promise<Child<Message>> {
	const said: Message[] = [];
	const child = fork(await built(file), [JSON.stringify(options)], { stdio: 'inherit' });
	children.add(child);
	const ended = new Promise<void>((resolve) => {
		child.once('exit', () => {
			children.delete(child);
			resolve();
		});
	});
	child.on('message', (message) => void said.push(message as Message));
	return {
		said,
		send: (message) => void child.send(message),
		freeze: () => void child.kill('SIGSTOP'),
		thaw: () => void child.kill('SIGCONT'),
		async kill() {
			child.kill('SIGKILL');
			await ended;
		},
		async end() {
			child.kill('SIGTERM');
			await ended;
		}
	};
}

/** Ends all that were started. */
export async function killChildren(): Promise<void> {
	await Promise.all(
		[...children].map(async (child) => {
			const ended = new Promise((resolve) => child.once('exit', resolve));
			child.kill('SIGKILL');
			await ended;
		})
	);
}

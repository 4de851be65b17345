/** A child process that answers questions: how the bench talks to its servers and its load. */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Starts `file` (relative to this folder) as a process of its own.
 *
 * @param {string} file
 * @param {string[]} [args]
 * @returns {{ ask(command: string, options?: object): Promise<any>, stop(): Promise<void> }}
 */
export function startProcess(file, args = []) {
	const path = fileURLToPath(new URL(file, import.meta.url));
	// Standard output belongs to the rows, so whatever a child prints goes to standard error.
	const child = fork(path, args, { stdio: ['ignore', process.stderr.fd, 'inherit', 'ipc'] });
	const pending = new Map();
	const exited = new Promise((resolve) => child.once('exit', resolve));
	let next = 0;

	child.on('message', ({ id, value, error }) => {
		const { resolve, reject } = pending.get(id);
		pending.delete(id);
		if (error === undefined) resolve(value);
		else reject(new Error(`${file}: ${error}`));
	});
	child.once('exit', (code, signal) => {
		for (const { reject } of pending.values())
			reject(new Error(`${file} ended: ${signal ?? code}`));
		pending.clear();
	});

	return {
		ask(command, options = {}) {
			return new Promise((resolve, reject) => {
				if (!child.connected) return reject(new Error(`${file} has ended`));
				pending.set(++next, { resolve, reject });
				child.send({ id: next, command, options });
			});
		},
		async stop() {
			child.kill('SIGKILL');
			await exited;
		}
	};
}

/**
 * The other side: answers each command with the result of the function of that name.
 *
 * @param {Record<string, (options: any) => unknown>} commands
 */
export function answer(commands) {
	process.on('message', async ({ id, command, options }) => {
		try {
			process.send({ id, value: await commands[command](options) });
		} catch (error) {
			process.send({ id, error: error instanceof Error ? error.stack : String(error) });
		}
	});
	// A child outlives its parent otherwise, and keeps its port and its processor.
	process.on('disconnect', () => process.exit(0));
}

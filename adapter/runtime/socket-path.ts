/** A Unix socket to listen on: whose it is, and who may use it. */

import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { connect } from 'node:net';

/**
 * Makes way for a socket: what a server has left there that is gone is removed.
 *
 * @throws {Error} When a server listens there, or something else than a socket stands there.
 */
export async function claimPath(path: string): Promise<void> {
	const stat = lstatSync(path, { throwIfNoEntry: false });
	if (!stat) return;
	if (!stat.isSocket()) {
		throw new Error(`Cannot listen on ${path}. It is no socket: set SOCKET_PATH to a free path.`);
	}
	if (await isServed(path)) {
		throw new Error(
			`Cannot listen on ${path}. Another process does: set SOCKET_PATH to a free path.`
		);
	}
	rmSync(path, { force: true });
}

function isServed(path: string): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect(path);
		socket.once('connect', () => (socket.destroy(), resolve(true)));
		// Whoever may not ask must not take it for abandoned.
		socket.once('error', ({ code }: NodeJS.ErrnoException) =>
			resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT')
		);
	});
}

/**
 * Gives the socket of uWebSockets.js, which only its owner may use, the permissions of Node's own,
 * and takes it away at the end, which it leaves undone as well.
 *
 * @returns takes it away, unless another has taken its place.
 */
export function adoptPath(path: string): () => void {
	chmodSync(path, 0o777 & ~process.umask());
	const { ino } = lstatSync(path);
	return () => {
		if (lstatSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path, { force: true });
	};
}

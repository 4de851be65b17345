/** The end of a server that nobody needs, and that whoever started it starts again. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Calls `end` once no request has run and no socket was open for a time.
 *
 * @param time Milliseconds.
 * @returns forgets about it.
 */
export function onIdle(server: Server, time: number, end: () => void): () => void {
	let running = 0;
	let timer: NodeJS.Timeout | undefined;
	const wait = (): void => {
		clearTimeout(timer);
		timer = setTimeout(end, time);
		timer.unref();
	};
	const hold = (what: ServerResponse | Duplex): void => {
		running += 1;
		clearTimeout(timer);
		what.once('close', () => {
			running -= 1;
			if (running === 0) wait();
		});
	};
	server.on('request', (_request: IncomingMessage, response: ServerResponse) => hold(response));
	server.on('upgrade', (_request: IncomingMessage, raw: Duplex) => hold(raw));
	wait();
	return () => clearTimeout(timer);
}

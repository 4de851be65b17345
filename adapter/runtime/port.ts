/** A port that a server is to have for itself. */

import { createServer, type AddressInfo } from 'node:net';

/**
 * Makes sure that the port is nobody's, where it is then listened on in a way that shares it with
 * whoever has it; and chooses one for 0.
 *
 * @throws {Error} When it is taken.
 */
export async function freePort(host: string, port: number): Promise<number> {
	const server = createServer();
	await new Promise<void>((resolve, reject) => {
		server.once('error', (cause) => reject(cannotListen(host, port, cause)));
		server.listen({ host, port, exclusive: true }, resolve);
	});
	const free = (server.address() as AddressInfo).port;
	await new Promise((resolve) => server.close(resolve));
	return free;
}

export function cannotListen(host: string, port: number, cause?: unknown): Error {
	return new Error(
		`Cannot listen on ${host}:${port}. Another process has the port, or the address is not this machine's: set PORT or HOST.`,
		{ cause }
	);
}

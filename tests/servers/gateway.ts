/** A way to a server that a test can cut, and lead to another server. */

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Gateway {
	readonly port: number;
	/** Breaks every connection; new ones are refused until `open()`. */
	cut(): void;
	/** Leads new connections to the server, or to that of another port from now on. */
	open(port?: number): void;
	close(): Promise<void>;
}

export async function createGateway(target: number): Promise<Gateway> {
	const sockets = new Set<Socket>();
	let isOpen = true;

	function keep(socket: Socket): Socket {
		sockets.add(socket);
		socket.on('close', () => sockets.delete(socket));
		// A break is what the test is about.
		return socket.setNoDelay().on('error', () => {});
	}

	const server = createServer((near) => {
		keep(near);
		if (!isOpen) return void near.destroy();
		const far = keep(connect(target, '127.0.0.1'));
		near.pipe(far).pipe(near);
		near.on('close', () => far.destroy());
		far.on('close', () => near.destroy());
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		port: (server.address() as AddressInfo).port,
		cut() {
			isOpen = false;
			for (const socket of sockets) socket.destroy();
		},
		open(port = target) {
			target = port;
			isOpen = true;
		},
		async close() {
			for (const socket of sockets) socket.destroy();
			await new Promise((resolve) => server.close(resolve));
		}
	};
}

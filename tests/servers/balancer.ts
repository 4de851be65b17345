/** Leads connections to several servers, in turn, as the proxy in front of instances does. */

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Balancer {
	readonly port: number;
	/** Where new connections go; those that are there stay where they are. */
	lead(...ports: readonly number[]): void;
	close(): Promise<void>;
}

export async function createBalancer(...ports: readonly number[]): Promise<Balancer> {
	const sockets = new Set<Socket>();
	let targets = ports;
	let turn = 0;

	function keep(socket: Socket): Socket {
		sockets.add(socket);
		socket.on('close', () => sockets.delete(socket));
		return socket.setNoDelay().on('error', () => {});
	}

	const server = createServer({ allowHalfOpen: true }, (near) => {
		const far = connect({
			port: targets[(turn += 1) % targets.length]!,
			host: '127.0.0.1',
			allowHalfOpen: true
		});
		keep(near).pipe(keep(far)).pipe(near);
		near.on('close', () => far.destroy());
		far.on('close', () => near.destroy());
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		port: (server.address() as AddressInfo).port,
		lead: (...next) => void (targets = next),
		async close() {
			for (const socket of sockets) socket.destroy();
			await new Promise((resolve) => server.close(resolve));
		}
	};
}

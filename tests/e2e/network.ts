/** A network between a browser and a server that a test can take away. */

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Network {
	/** Where the server is reached through it. */
	readonly url: string;
	/** Cuts what is connected, and lets nobody through. */
	cut(): void;
	mend(): void;
	close(): Promise<void>;
}

/** Puts itself before the server at `target`. */
export async function network(target: string): Promise<Network> {
	const { port } = new URL(target);
	const sockets = new Set<Socket>();
	let isCut = false;
	const server = createServer((near) => {
		if (isCut) return near.destroy();
		const far = connect(Number(port), '127.0.0.1');
		for (const [socket, other] of [
			[near, far],
			[far, near]
		] as const) {
			sockets.add(socket);
			socket.pipe(other);
			socket.on('error', () => other.destroy());
			socket.on('close', () => {
				sockets.delete(socket);
				other.destroy();
			});
		}
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const cut = (): void => {
		isCut = true;
		for (const socket of sockets) socket.destroy();
	};
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		cut,
		mend: () => void (isCut = false),
		async close() {
			cut();
			await new Promise((resolve) => server.close(resolve));
		}
	};
}

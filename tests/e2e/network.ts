/** A network between a browser and a server that a test can take away. */

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Transform } from 'node:stream';

export interface Network {
	/** Where the server is reached through it. */
	readonly url: string;
	/** Cuts what is connected, and lets nobody through. */
	cut(): void;
	mend(): void;
	/** Loses what is connected without telling either end; who comes later gets through. */
	lose(): void;
	close(): Promise<void>;
}

/**
 * Puts itself before the server at `target`.
 *
 * @param options.lag Milliseconds that everything takes, each way. @default 0
 */
export async function network(
	target: string,
	{ lag = 0 }: { lag?: number } = {}
): Promise<Network> {
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
			socket.pipe(delay(lag)).pipe(other);
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
		lose() {
			for (const socket of sockets) socket.unpipe().resume();
		},
		async close() {
			cut();
			await new Promise((resolve) => server.close(resolve));
		}
	};
}

function delay(lag: number): Transform {
	return new Transform({
		transform: (chunk, _encoding, done) => {
			if (lag === 0) done(null, chunk);
			else setTimeout(done, lag, null, chunk);
		}
	});
}

/** A way to a server that breaks off its first connection behind a given byte. */

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export type Direction = 'up' | 'down';

export interface Cut {
	/** Up is to the server. */
	readonly direction: Direction;
	/** Bytes that still arrive. */
	readonly after: number;
	/** The server learns of it; otherwise it keeps a connection that nobody is at the end of. */
	readonly isHeard: boolean;
}

export interface CuttingProxy {
	readonly url: string;
	/** What the first connection has carried, and how much of that before the first request. */
	readonly carried: Readonly<Record<Direction, { bytes: number; head: number }>>;
	readonly wasCut: boolean;
	/** The connection after the first has asked something, and heard something. */
	readonly returned: Promise<void>;
	close(): Promise<void>;
}

/**
 * @param target The port of the server; asked for every connection.
 * @param onCut Runs as soon as the connection is broken.
 */
export async function cuttingProxy(
	target: () => Promise<number>,
	cut?: Cut,
	onCut: () => void = () => {}
): Promise<CuttingProxy> {
	const sockets = new Set<Socket>();
	const carried = { up: { bytes: 0, head: 0 }, down: { bytes: 0, head: 0 } };
	let count = 0;
	let wasCut = false;
	let hasAsked = false;
	let isBack = (): void => {};
	const returned = new Promise<void>((resolve) => (isBack = resolve));

	function keep(socket: Socket): Socket {
		sockets.add(socket);
		socket.on('close', () => sockets.delete(socket));
		// A break is what the test is about.
		return socket.setNoDelay().on('error', () => {});
	}

	const server = createServer((near) => {
		keep(near).pause();
		const isFirst = (count += 1) === 1;
		void target().then((port) => {
			const far = keep(connect(port, '127.0.0.1'));
			carry('up', near, far, isFirst);
			carry('down', far, near, isFirst);
			near.resume();
		});
	});

	function carry(direction: Direction, from: Socket, to: Socket, isFirst: boolean): void {
		let isOver = false;
		from.on('close', () => {
			if (isFirst && wasCut) return;
			to.destroy();
		});
		from.on('data', (chunk: Buffer) => {
			if (isOver || (isFirst && wasCut)) return;
			if (!isFirst) {
				if (direction === 'up') hasAsked ||= !chunk.includes('\r\n\r\n');
				else if (hasAsked) isBack();
				return void to.write(chunk);
			}
			const so = carried[direction];
			if (direction === 'up' && so.bytes > 0 && so.head === 0) {
				so.head = so.bytes;
				carried.down.head = carried.down.bytes;
			}
			if (cut?.direction !== direction || so.bytes + chunk.length < cut.after) {
				so.bytes += chunk.length;
				return void to.write(chunk);
			}
			isOver = wasCut = true;
			breakOff(direction, from, to, chunk.subarray(0, cut.after - so.bytes));
		});
	}

	/** What is before the break arrives: `destroy` alone could take it back. */
	function breakOff(direction: Direction, from: Socket, to: Socket, last: Buffer): void {
		const [near, far] = direction === 'up' ? [from, to] : [to, from];
		if (direction === 'up') {
			if (cut!.isHeard) far.end(last);
			else far.write(last);
			near.destroy();
		} else {
			near.end(last);
			if (cut!.isHeard) far.destroy();
		}
		onCut();
	}

	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`,
		carried,
		get wasCut() {
			return wasCut;
		},
		returned,
		async close() {
			for (const socket of sockets) socket.destroy();
			await new Promise((resolve) => server.close(resolve));
		}
	};
}

/** Every byte of requests and answers, a few before, and some more: names differ in length. */
export function cutsOf({ carried }: CuttingProxy, isHeard: boolean): Cut[] {
	return (['up', 'down'] as const).flatMap((direction) => {
		const { bytes, head } = carried[direction];
		const cuts: Cut[] = [];
		for (let after = 0; after < bytes + 8; after += after < head - 32 ? 32 : 1) {
			cuts.push({ direction, after, isHeard });
		}
		return cuts;
	});
}

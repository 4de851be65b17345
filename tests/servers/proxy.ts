/** A proxy in front of several instances, as a load balancer is: over HTTP, and for sockets. */

import { createServer, request, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

export interface Proxy {
	/** Without a slash at the end. */
	readonly url: string;
	/** The instance that each open socket has come to, the oldest first. */
	sockets(): readonly string[];
	close(): Promise<void>;
}

/** @param instances Where they are, as urls; each request and each socket goes to the next of them. */
export async function startProxy(instances: readonly string[]): Promise<Proxy> {
	const all = new Set<Socket>();
	const sockets = new Map<Socket, string>();
	let requests = 0;
	let upgrades = 0;

	function keep(socket: Socket): Socket {
		all.add(socket);
		socket.on('close', () => all.delete(socket));
		// A break is passed on, whichever side it comes from.
		return socket.on('error', () => {});
	}

	function forwarded(from: IncomingMessage): Record<string, string | string[] | undefined> {
		return { ...from.headers, 'x-forwarded-for': from.socket.remoteAddress };
	}

	const server = createServer((from, to) => {
		const { hostname, port } = new URL(instances[(requests += 1) % instances.length]!);
		const { url: path, method } = from;
		const asked = request({ hostname, port, path, method, headers: forwarded(from) }, (answer) => {
			to.writeHead(answer.statusCode!, answer.headers);
			answer.pipe(to);
		});
		asked.on('error', () => to.writeHead(502).end());
		from.pipe(asked);
	});
	server.on('upgrade', (from, near: Socket, head) => {
		const instance = instances[(upgrades += 1) % instances.length]!;
		const far = keep(connect(Number(new URL(instance).port), new URL(instance).hostname));
		const headers = Object.entries(forwarded(from)).map(([name, value]) => `${name}: ${value}`);
		far.write(`${[`GET ${from.url} HTTP/1.1`, ...headers].join('\r\n')}\r\n\r\n`);
		far.write(head);
		keep(near).pipe(far).pipe(near);
		sockets.set(near, instance);
		near.on('close', () => {
			sockets.delete(near);
			far.destroy();
		});
		far.on('close', () => near.destroy());
	});
	server.on('connection', keep);
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		sockets: () => [...sockets.values()],
		async close() {
			for (const socket of all) socket.destroy();
			await new Promise((resolve) => server.close(resolve));
		}
	};
}

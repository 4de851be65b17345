/** A server in this process that can be replaced by one that remembers nothing. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createKernel, type Kernel, type Transport } from 'svelte-realtime/kernel';
import { single } from 'svelte-realtime/presets';
import type { Attachment } from '../../../adapter/transports/attachment.ts';
import { nodeTransport } from '../../../adapter/transports/node.ts';
import { selectTransport } from '../../../adapter/transports/select.ts';
import { uwsTransport } from '../../../adapter/transports/uws.ts';

export type TransportName = 'uws' | 'node';
type Modules = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

interface Listening {
	readonly transport: Transport;
	listen(attachment: Attachment): Promise<number>;
	close(): void;
}

export interface Server {
	/** Once it listens. */
	port(): Promise<number>;
	/** Of the server of now. */
	readonly kernel: Kernel;
	/** Another process takes its place. */
	replace(): void;
	close(): Promise<void>;
}

export function serve(name: TransportName, modules: Modules): Server {
	const started: { readonly kernel: Kernel; readonly listening: Listening }[] = [];
	let port: Promise<number>;
	let visitors = 0;

	async function start(): Promise<number> {
		const listening = name === 'uws' ? await onUws() : onNode();
		const kernel = createKernel({ plugins: single(), transport: listening.transport });
		await kernel.start();
		kernel.use('rpc').mount(modules);
		started.unshift({ kernel, listening });
		// Each from an address of its own: what one address may do is bounded.
		const resolve: Attachment['resolve'] = (headers) => ({
			ip: `10.0.${(visitors += 1) >> 8}.${visitors & 255}`,
			origin: `http://${headers['host']}`
		});
		return listening.listen({ path: '/ws', host: kernel, resolve });
	}
	port = start();

	return {
		port: () => port,
		get kernel() {
			return started[0]!.kernel;
		},
		replace() {
			started[0]!.listening.close();
			port = start();
		},
		async close() {
			await port;
			for (const { kernel, listening } of started) {
				await kernel.shutdown();
				listening.close();
			}
		}
	};
}

function onNode(): Listening {
	const transport = nodeTransport();
	const server = createServer();
	return {
		transport,
		listen(attachment) {
			transport.attach(server, attachment);
			return new Promise((resolve) =>
				server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
			);
		},
		close: () => void server.close()
	};
}

async function onUws(): Promise<Listening> {
	const selected = await selectTransport('uws');
	if (selected.name !== 'uws') throw new Error('uWebSockets.js is missing.');
	const { uws } = selected;
	const transport = uwsTransport();
	const app = uws.App();
	let close = (): void => {};
	return {
		transport,
		listen(attachment) {
			transport.attach(app, attachment);
			return new Promise((resolve, reject) => {
				app.listen('127.0.0.1', 0, (socket) => {
					if (!socket) return reject(new Error('The port is taken.'));
					close = () => uws.us_listen_socket_close(socket);
					resolve(uws.us_socket_local_port(socket));
				});
			});
		},
		close: () => close()
	};
}

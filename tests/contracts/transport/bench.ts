/** A server to test a transport on. */

import { onTestFinished } from 'vitest';
import type { Limits } from '../../../kernel/limits.ts';
import type { SendStatus, Socket, Transport } from '../../../kernel/transport.ts';
import type { Attachment } from '../../../adapter/transports/attachment.ts';
import { Client, RawClient, type ClientOptions } from './clients.ts';
import { RecordingHost } from './recording-host.ts';

/** A server whose pages all answer with their path. */
export interface Served {
	readonly transport: Transport;
	readonly port: number;
	close(): void | Promise<void>;
}

/**
 * Starts a server on a free port.
 *
 * @param before Runs with the transport when the server exists and the transport is not attached.
 */
export type Serve = (
	attachment: Attachment,
	before?: (transport: Transport) => void
) => Promise<Served>;

/** One server, its host, and ways to connect to it; all of it is gone when the test is over. */
export interface Bench {
	readonly host: RecordingHost;
	readonly transport: Transport;
	readonly port: number;
	readonly attachment: { -readonly [K in keyof Attachment]: Attachment[K] };
	client(path?: string, options?: ClientOptions): Client;
	raw(lines: readonly string[]): RawClient;
	/** An open connection, seen from both ends. */
	connected(): Promise<{ client: Client; socket: Socket }>;
	/** Goes to the server and back once more: whatever was on its way is there now. */
	settled(): Promise<void>;
}

export type Start = (limits?: Partial<Limits>) => Promise<Bench>;

export function attachmentOf(host: RecordingHost): Attachment {
	return {
		path: '/ws',
		host,
		resolve: (headers, socketAddress) => ({
			ip: headers['x-real-ip'] ?? socketAddress,
			origin: `http://${headers['host']}`
		})
	};
}

export function starter(serve: Serve): Start {
	return async (limits) => {
		const host = new RecordingHost(limits);
		const attachment = attachmentOf(host);
		const { transport, port, close } = await serve(attachment);
		onTestFinished(close);

		function client(path?: string, options?: ClientOptions): Client {
			const made = new Client(port, path, options);
			onTestFinished(() => made.ws.terminate());
			return made;
		}
		function raw(lines: readonly string[]): RawClient {
			const made = new RawClient(port, lines);
			onTestFinished(() => void made.socket.destroy());
			return made;
		}
		async function connected(): Promise<{ client: Client; socket: Socket }> {
			const made = client();
			const [{ socket }] = await Promise.all([host.opened.next(), made.opened]);
			return { client: made, socket };
		}
		async function settled(): Promise<void> {
			const { onOpen } = host;
			host.onOpen = (socket) => void socket.send('settled');
			await client('/ws?settled').messages.next();
			host.onOpen = onOpen;
		}
		return { host, transport, port, attachment, client, raw, connected, settled };
	};
}

export function fail(): never {
	throw new Error('planted');
}

/** Sends 64 KiB at a time until `status` is the answer; the number of frames it took. */
export function sendUntil(socket: Socket, status: SendStatus): number {
	const frame = 'x'.repeat(64 * 1024);
	for (let sent = 1; sent < 5000; sent += 1) if (socket.send(frame) === status) return sent;
	throw new Error(`no send was ${status}`);
}

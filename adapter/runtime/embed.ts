/** A built app inside of somebody's own server. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import { RealtimeError } from '../../kernel/errors.ts';
import { nodeTransport } from '../transports/node.ts';
import { boot, type BootOptions } from './boot.ts';
import { readEnvironment } from './env.ts';
import { nodeFront } from './http-node.ts';
import { shutDown } from './shutdown.ts';

/** What `handler.js` of a build exports. */
export interface Handler {
	/**
	 * Answers a request. Fits `createServer` and middleware; it answers whatever it is given, what
	 * nothing stands at with the app's own 404.
	 */
	(request: IncomingMessage, response: ServerResponse): void;
	/** Takes the app's sockets from a server's upgrades, beside its other listeners. */
	attach(server: Server | SecureServer): void;
	/**
	 * Ends sockets, lets requests under way finish for SHUTDOWN_TIMEOUT, and waits for listeners of
	 * `sveltekit:shutdown`. The servers are their owner's to close.
	 */
	close(): Promise<void>;
}

/**
 * Boots a built app that listens nowhere; it runs on the Node transport.
 *
 * @throws {RealtimeError} For a wrong variable or config.
 */
export async function embed(options: BootOptions): Promise<Handler> {
	const { env = process.env, envPrefix: prefix = '', origin } = options;
	const environment = readEnvironment(env, { prefix, origin, isEmbedded: true });
	const transport = nodeTransport();
	const { site, attachment, end } = await boot(options, {
		environment,
		async transport(wanted) {
			if (wanted !== 'uws') return transport;
			const reason = 'handler.js is for a server of Node';
			throw new RealtimeError('RT_TRANSPORT_UNAVAILABLE', [reason]);
		}
	});

	const detaching: (() => void)[] = [];
	let closing: Promise<void> | undefined;
	const close = (): Promise<void> =>
		(closing ??= shutDown(
			{
				...end([]),
				timeout: environment.shutdownTimeout,
				async stopListening() {
					for (const detach of detaching) detach();
				},
				async release() {}
			},
			'close'
		));
	const attach = (server: Server | SecureServer): void => {
		if (attachment) detaching.push(transport.attach(server as Server, attachment));
	};
	const respond = nodeFront(site);
	return Object.assign(
		(request: IncomingMessage, response: ServerResponse) => respond(request, response),
		{ attach, close }
	);
}

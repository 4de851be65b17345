/** What both transports are given when they are attached to a server. */

import type { TransportHost } from '../../kernel/transport.ts';

export interface Attachment {
	/** Path of the WebSocket endpoint, base path included; compared as it is sent, undecoded. */
	readonly path: string;
	readonly host: TransportHost;
	/**
	 * The client's address and the server's own origin, by the rules of the environment.
	 *
	 * @param socketAddress As the server spells it: uWebSockets.js writes IPv6 out in full.
	 * @throws when the headers name no valid host; the request is then refused with 400.
	 */
	resolve(
		headers: Record<string, string>,
		socketAddress: string
	): { ip: string; origin: string | undefined };
}

/**
 * Bytes above `limits.message` that the native layer still lets through.
 *
 * The kernel closes such a message's connection with 1009 and a reason; the native layer ends what
 * is larger still, and its clients may see no more than 1006.
 */
export const OVERSIZE_MARGIN: number = 64 * 1024;

/**
 * The header with which a page asks what an upgrade would be answered, since a browser does not show
 * it the answer to one. Its value is the subprotocols of the upgrade.
 */
export const ASK_HEADER = 'x-realtime-ask';

/**
 * Where a page asks with a POST before it connects, so that cookies are set by an ordinary answer:
 * beside the socket, `/app/__ws/auth` for `/app/ws`.
 */
export function preflightPath(socketPath: string): string {
	return `${socketPath.slice(0, socketPath.lastIndexOf('/'))}/__ws/auth`;
}

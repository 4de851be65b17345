import { serverRpc } from 'svelte-realtime/plugins/rpc';
import { serverStream, type ServerStream } from 'svelte-realtime/plugins/streams';

/** What a `$live` channel is while a page is rendered: nothing is heard, and nothing can be said. */
export interface ServerChannel extends Omit<ServerStream, 'hydrate'> {
	(...args: unknown[]): ServerChannel;
	hydrate(...args: Parameters<ServerStream['hydrate']>): ServerChannel;
	on(): () => void;
	/** @throws {RealtimeError} RT_STUB_SERVER_CALL, as a promise that rejects. */
	publish(...args: unknown[]): Promise<never>;
}

/** Makes the server's half of a channel under `$live/*`. */
export function serverChannel(path: string): ServerChannel {
	const publish = serverRpc(`${path}.publish`);
	const dress = (stream: ServerStream): ServerChannel => {
		const channel = (...args: unknown[]): ServerChannel =>
			args.length === 0 ? dressed : dress(stream(...args));
		const dressed: ServerChannel = Object.assign(channel, stream, {
			hydrate: (...seed: Parameters<ServerStream['hydrate']>) => dress(stream.hydrate(...seed)),
			on: () => () => {},
			publish
		});
		return dressed;
	};
	return dress(serverStream(path));
}

import { serverRpc } from 'svelte-realtime/plugins/rpc';
import { serverStream, type ServerStream } from 'svelte-realtime/plugins/streams';
import type { Seed } from 'svelte-realtime/plugins/streams';

/** What a `$live` group is while a page is rendered: nobody joins by that. */
export interface ServerGroup extends Omit<ServerStream, 'hydrate'> {
	(...args: unknown[]): ServerGroup;
	hydrate(seed: Seed): ServerGroup;
	readonly members: ServerStream;
	readonly role: unknown;
	readonly meta: unknown;
	readonly closed: boolean;
	on(): () => void;
	/** @throws {RealtimeError} RT_STUB_SERVER_CALL, as a promise that rejects. */
	publish(...args: unknown[]): Promise<never>;
}

/** Makes the server's half of a group under `$live/*`. */
export function serverGroup(path: string): ServerGroup {
	const publish = serverRpc(`${path}.publish`);
	const dress = (stream: ServerStream, members: ServerStream): ServerGroup => {
		const group = (...args: unknown[]): ServerGroup =>
			args.length === 0 ? dressed : dress(stream(...args), members(...args));
		const { role, meta } = (stream.current ?? {}) as { role?: unknown; meta?: unknown };
		const dressed: ServerGroup = Object.assign(group, stream, {
			hydrate: (seed: Seed) => dress(stream.hydrate(seed), members(...seed.args)),
			members,
			role,
			meta,
			closed: false,
			on: () => () => {},
			publish
		});
		return dressed;
	};
	return dress(serverStream(`${path}.events`), serverStream(`${path}.members`));
}

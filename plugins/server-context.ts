/** `ctx` of what the server runs by itself: nobody has called it. */

import type { CapabilityName, PluginKernel } from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';

/** `ctx` of a function that nobody calls: services and `publish`, without a connection and a user. */
export type ServerContext = Omit<LiveContext, 'user' | 'connection' | 'cursor' | 'abortSignal'> & {
	/** Nobody. */
	readonly user: null;
	/** Aborts when the server ends. */
	readonly abortSignal: AbortSignal;
};

/**
 * @param path `module/export` of what is run.
 * @param user Whose the result is. @default nobody's
 */
export type ServerContextFactory = (path: string, user?: unknown) => ServerContext;

/** Makes contexts with the services of this kernel; they are those of the moment. */
export function serverContexts(
	kernel: Pick<PluginKernel<never, never>, 'capabilities' | 'find' | 'hook' | 'publish'>
): ServerContextFactory {
	const ended = new AbortController();
	let services: object = {};
	function renew(): void {
		services = {};
		for (const name of kernel.capabilities()) {
			if (name === ('clock' as CapabilityName) || name.includes('.')) continue;
			const service = kernel.find(name);
			Object.defineProperty(services, name, { get: () => service, enumerable: true });
		}
	}
	kernel.hook('ready', renew);
	kernel.hook('changed', renew);
	kernel.hook('shutdown', () => ended.abort());
	return (path, user = null) =>
		Object.assign(Object.create(services) as object, {
			user,
			path,
			abortSignal: ended.signal,
			publish: kernel.publish
		}) as unknown as ServerContext;
}

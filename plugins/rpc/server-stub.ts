import { RealtimeError } from 'svelte-realtime/kernel';
import type { RemoteFunction } from './remote.ts';

/**
 * What a `$live` function is while a page is rendered: something that can be handed around, and that
 * says what to do when it is called.
 */
export function serverRpc(path: string): RemoteFunction<unknown[], never> {
	const refuse = (): Promise<never> =>
		Promise.reject(new RealtimeError('RT_STUB_SERVER_CALL', [path]));
	return Object.assign(refuse, { with: () => refuse, optimistic: () => refuse });
}

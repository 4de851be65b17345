import { RealtimeError } from 'svelte-realtime/kernel';

/**
 * What a `$live` function is while a page is rendered: something that can be handed around, and that
 * says what to do when it is called.
 */
export function serverRpc(path: string): (...args: unknown[]) => Promise<never> {
	return () => Promise.reject(new RealtimeError('RT_STUB_SERVER_CALL', [path]));
}

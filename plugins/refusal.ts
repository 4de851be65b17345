import { LiveError, type Denial } from 'svelte-realtime/kernel';

/** What a client is told where a gate has refused. */
export function refusalOf({ code, reason, retryAfter }: Denial): LiveError {
	return new LiveError(code, reason, retryAfter === undefined ? {} : { retryAfter });
}

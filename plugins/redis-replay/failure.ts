/** What the failure of a command says about whether it was executed. */

import { isLiveError } from 'svelte-realtime/kernel';

/**
 * `moved`: surely not executed, as another server answers than was thought. `unavailable`: surely not
 * executed, and later it may be. `refused`: surely not executed, and it would not be later either.
 * `forgotten`: whether an earlier attempt was executed cannot be found out any more. `unknown`: it was
 * sent, and nothing has come back.
 */
export type Failure = 'moved' | 'unavailable' | 'refused' | 'forgotten' | 'unknown';

/** Answers that say that the server cannot, not that it will not. */
const UNAVAILABLE =
	/^(LOADING|OOM|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN|MISCONF|BUSY|NOAUTH|WRONGPASS) /;
/** Errors of ioredis for a command that it has not written. */
const UNSENT = /^(Stream isn't writeable|Cluster isn't ready)/;

export function failureOf(thrown: unknown): Failure {
	const error = causeOf(thrown);
	// Its breaker is open, or the way is down.
	if (error === undefined) return 'unavailable';
	if (error.name !== 'ReplyError') return UNSENT.test(error.message) ? 'unavailable' : 'unknown';
	if (/^(RTRUN|READONLY) /.test(error.message)) return 'moved';
	if (error.message.startsWith('RTFORGOTTEN ')) return 'forgotten';
	return UNAVAILABLE.test(error.message) ? 'unavailable' : 'refused';
}

/** What Redis, or its driver, has said itself; undefined where it was not asked. */
function causeOf(error: unknown): Error | undefined {
	const { cause } = Object(error) as { cause?: unknown };
	if (cause instanceof Error) return cause;
	return isLiveError(error) || !(error instanceof Error) ? undefined : error;
}

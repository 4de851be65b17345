/** What an error says about Redis, and what there is to do about it. */

import { isLiveError, type ErrorCode } from 'svelte-realtime/kernel';

/** Answers by which Redis says that it cannot serve, whatever it is asked. */
const ANSWERS: Readonly<Record<string, ErrorCode>> = {
	LOADING: 'RT_REDIS_LOADING',
	READONLY: 'RT_REDIS_READONLY',
	OOM: 'RT_REDIS_MEMORY',
	NOREPLICAS: 'RT_REDIS_FAILING',
	MASTERDOWN: 'RT_REDIS_FAILING',
	CLUSTERDOWN: 'RT_REDIS_FAILING',
	TRYAGAIN: 'RT_REDIS_FAILING',
	MISCONF: 'RT_REDIS_FAILING',
	BUSY: 'RT_REDIS_FAILING'
};

/** Answers by which it says that we may not. */
const REFUSALS: Readonly<Record<string, ErrorCode>> = {
	NOAUTH: 'RT_REDIS_AUTH',
	WRONGPASS: 'RT_REDIS_AUTH',
	NOPERM: 'RT_REDIS_PERMISSION'
};

/** Errors of the connection, as ioredis says them. The package may be absent, and so may its classes. */
const LOST =
	/^(Connection is |Command timed out|Command aborted|Stream isn't writeable|Cluster isn't ready|Cluster is |Too many Cluster redirections|Failed to refresh slots|None of startup nodes|Reached the max retries|All sentinels are unreachable|connect ETIMEDOUT)/;

/** The code of an error by which Redis does not serve; undefined for whatever else it answers. */
export function outageOf(error: unknown): ErrorCode | undefined {
	if (!(error instanceof Error) || isLiveError(error)) return undefined;
	if (error.name === 'ReplyError') return codeOf(error, ANSWERS);
	const isLost = 'syscall' in error || LOST.test(error.message);
	return isLost ? 'RT_REDIS_UNREACHABLE' : undefined;
}

/** The code of an answer that says that this user may not; undefined for any other. */
export function refusalOf(error: unknown): ErrorCode | undefined {
	return error instanceof Error && error.name === 'ReplyError'
		? codeOf(error, REFUSALS)
		: undefined;
}

/** What is said at once of a command for one server of a Cluster, where that one is down. */
export const PARTLY = "Cluster isn't ready for this key";

/** Whether a command was not sent, as one server of a Cluster is down. */
export function isPartly(error: unknown): boolean {
	return error instanceof Error && error.message === PARTLY;
}

/** By the first word of an answer; of a transaction that was given up, by those of its commands. */
function codeOf(error: Error, codes: Readonly<Record<string, ErrorCode>>): ErrorCode | undefined {
	const { previousErrors = [] } = error as { previousErrors?: readonly Error[] };
	const words = [error, ...previousErrors].map(({ message }) => message.split(' ', 1)[0]!);
	const known = words.find((word) => Object.hasOwn(codes, word));
	return known === undefined ? undefined : codes[known];
}

/** What an error says about Postgres. */

import { isLiveError } from 'svelte-realtime/kernel';

/**
 * Classes of answers (SQLSTATE) by which Postgres says that it cannot serve now: no connection, no
 * resources, somebody ends it, a fault of its machine; and that it is a replica.
 */
const CLASSES: readonly string[] = ['08', '53', '57', '58'];
const READ_ONLY = '25006';
/** It has ended a connection, or ends itself. */
const ENDED: readonly string[] = ['57P01', '57P02', '57P03', '57P05', '25P03'];

/** Errors of the connection, as pg says them. The package may be absent, and so may its classes. */
const LOST =
	/^(Connection terminated|Client has encountered|Client was closed|Query read timeout|timeout e|Cannot use a pool|The server does not support|read E|write E)|not queryable/;

/** Whether an error says that Postgres does not serve, and not that it will not do what it is asked. */
export function isOutage(error: unknown): boolean {
	const state = answerOf(error);
	if (state !== undefined) return state === READ_ONLY || CLASSES.includes(state.slice(0, 2));
	return isLost(error);
}

/**
 * Whether what was sent may have been executed all the same: its answer is what was lost.
 *
 * A transaction that Postgres has answered with an error is rolled back.
 */
export function isUnknown(error: unknown): boolean {
	const state = answerOf(error);
	return state === undefined ? isLost(error) : ENDED.includes(state);
}

/** SQLSTATE of an error that is an answer of Postgres; undefined for every other. */
function answerOf(error: unknown): string | undefined {
	const { code, severity } = Object(error) as { code?: unknown; severity?: unknown };
	return typeof code === 'string' && severity !== undefined ? code : undefined;
}

function isLost(error: unknown): boolean {
	if (!(error instanceof Error) || isLiveError(error)) return false;
	return 'syscall' in error || LOST.test(error.message);
}

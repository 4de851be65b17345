/** Checks of options that several plugins have. */

import { RealtimeError } from 'svelte-realtime/kernel';

/** The longest delay of a timer; a longer one would end at once. */
const LONGEST = 2 ** 31 - 1;

/**
 * @param least The shortest that is allowed. @default 0
 * @throws {RealtimeError} RT_OPTION_INVALID when `value` is no time that a timer can wait.
 */
export function checkTime(name: string, owner: string, value: unknown, least: number = 0): void {
	if (typeof value === 'number' && value >= least && value <= LONGEST) return;
	const wanted = `a number of milliseconds from ${least} to ${LONGEST}`;
	throw new RealtimeError('RT_OPTION_INVALID', [name, owner, String(value), wanted]);
}

/** @throws {RealtimeError} RT_OPTION_INVALID when `value` is no whole number from 1. */
export function checkCount(name: string, owner: string, value: unknown): void {
	if (Number.isSafeInteger(value) && (value as number) >= 1) return;
	const wanted = 'a whole number from 1';
	throw new RealtimeError('RT_OPTION_INVALID', [name, owner, String(value), wanted]);
}

/** Checks of options that several plugins have. */

import { RealtimeError } from 'svelte-realtime/kernel';

/** The longest delay of a timer; a longer one would end at once. */
const LONGEST = 2 ** 31 - 1;

/**
 * @param least The shortest that is allowed. @default 0
 * @throws {RealtimeError} RT_OPTION_INVALID when `value` is no time that a timer can wait.
 */
export function checkTime(name: string, owner: string, value: unknown, least: number = 0): void {
	const isTime = typeof value === 'number' && value >= least && value <= LONGEST;
	const wanted = `a number of milliseconds from ${least} to ${LONGEST}`;
	checkOption(isTime, name, owner, value, wanted);
}

/** @throws {RealtimeError} RT_OPTION_INVALID when `value` is no whole number from 1. */
export function checkCount(name: string, owner: string, value: unknown): void {
	const isCount = Number.isSafeInteger(value) && (value as number) >= 1;
	checkOption(isCount, name, owner, value, 'a whole number from 1');
}

/** @throws {RealtimeError} RT_OPTION_INVALID unless `isRight`. */
export function checkOption(
	isRight: boolean,
	name: string,
	owner: string,
	value: unknown,
	wanted: string
): void {
	if (isRight) return;
	throw new RealtimeError('RT_OPTION_INVALID', [name, owner, String(value), wanted]);
}

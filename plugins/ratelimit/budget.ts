import { RealtimeError } from 'svelte-realtime/kernel';
import type { Budget } from './port.ts';

/** Points at the most: with these, a year in milliseconds times points is still a whole number. */
const POINTS = 100_000;
/** Milliseconds of a window at the most. */
const WINDOW = 2 ** 31 - 1;

/** @throws {RealtimeError} RT_OPTION_INVALID */
export function checkBudget({ points, window }: Budget, where: string): Budget {
	checkWhole(points, { name: 'points', where, from: 1, to: POINTS });
	checkWhole(window, { name: 'window', where, from: 1, to: WINDOW });
	return { points, window };
}

interface Range {
	readonly name: string;
	readonly where: string;
	readonly from: number;
	readonly to: number;
}

/** @throws {RealtimeError} RT_OPTION_INVALID */
export function checkWhole(value: unknown, { name, where, from, to }: Range): void {
	if (Number.isSafeInteger(value) && (value as number) >= from && (value as number) <= to) return;
	const wanted = `a whole number from ${from}${to < Number.MAX_SAFE_INTEGER ? ` to ${to}` : ''}`;
	throw new RealtimeError('RT_OPTION_INVALID', [name, where, String(value), wanted]);
}

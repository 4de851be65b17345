/** Running the transforms of a stream over its items. */

import { chain, isThenable, RealtimeError, type MaybePromise } from 'svelte-realtime/kernel';
import type { MergeOptions } from '../frames.ts';
import type { JoinStep, Pipes, Step } from './facts.ts';
import { fieldOf, orderOf } from './order.ts';

export interface Work {
	readonly pipes: Pipes;
	readonly args: readonly unknown[];
	readonly merge: MergeOptions;
	/** Most items of a list; 0 = all. */
	readonly most: number;
}

/** An item that is not one of those that are shown. */
export const GONE: unique symbol = Symbol('gone');

/**
 * A loaded value, or one that an event brought: a list, a page of one, or nothing yet.
 *
 * @throws {RealtimeError} RT_PIPE_VALUE for what has no items; and what the transforms fail with.
 */
export function transformed(value: unknown, work: Work): MaybePromise<unknown> {
	if (value === null || value === undefined) return value;
	if (Array.isArray(value)) return transformedList(value, work);
	const { data, hasMore } = value as { data?: unknown; hasMore?: unknown };
	if (!Array.isArray(data) || typeof hasMore !== 'boolean' || work.merge.merge === 'set') {
		throw new RealtimeError('RT_PIPE_VALUE', [typeof value]);
	}
	if (hasMore) needsNoWhole(work.pipes);
	return chain(transformedList(data, work), (items) => ({ ...value, data: items }));
}

/** One item; GONE where it is filtered out. */
export function transformedItem(item: unknown, { pipes, args }: Work): MaybePromise<unknown> {
	const { steps, late } = pipes;
	return chain(run([item], [...steps, ...late], args), (items) =>
		items.length > 0 ? items[0] : GONE
	);
}

/** @throws {RealtimeError} RT_PIPE_PAGES where only a whole list has an order, or a first item. */
export function needsNoWhole({ sorts, limit }: Pipes): void {
	if (sorts.length > 0 || limit > 0) throw new RealtimeError('RT_PIPE_PAGES');
}

function transformedList(
	list: readonly unknown[],
	{ pipes, args, merge, most }: Work
): MaybePromise<readonly unknown[]> {
	const { steps, sorts, late } = pipes;
	return chain(run(list, steps, args), (items) => {
		const sorted = sorts.length > 0 ? items.toSorted(orderOf(sorts, merge.key)) : items;
		return run(most > 0 ? sorted.slice(0, most) : sorted, late, args);
	});
}

/** One step after the other; synchronous until one of them is not. */
function run(
	items: readonly unknown[],
	steps: readonly Step[],
	args: readonly unknown[],
	from: number = 0
): MaybePromise<readonly unknown[]> {
	const step = steps[from];
	if (step === undefined || items.length === 0) return items;
	const next =
		step.by === 'join'
			? joined(items, step, args)
			: items.filter((item) => isIn(step.test(item, ...args)));
	return chain(next, (results) => run(results, steps, args, from + 1));
}

/** A promise is true of everything. */
function isIn(answer: unknown): boolean {
	if (!isThenable(answer)) return Boolean(answer);
	answer.then(undefined, () => {});
	const wanted = 'a synchronous function: join() what it has to look up';
	throw new RealtimeError('RT_OPTION_INVALID', ['test', 'pipe.filter()', 'asynchronous', wanted]);
}

/** Each value is looked up once, however many items have it. */
function joined(
	items: readonly unknown[],
	{ field, as, resolve }: JoinStep,
	args: readonly unknown[]
): MaybePromise<readonly unknown[]> {
	const values = new Set(items.map((item) => fieldOf(item, field) ?? null));
	values.delete(null);
	const wanted = [...values];
	const found = wanted.length > 0 ? resolve(wanted, args) : [];
	return chain(found, (results) => {
		if (!Array.isArray(results) || results.length !== wanted.length) {
			const expected = 'a list with a result for each value';
			const what = Array.isArray(results) ? `${results.length} results` : typeof results;
			throw new RealtimeError('RT_OPTION_INVALID', ['resolver', 'pipe.join()', what, expected]);
		}
		const byValue = new Map<unknown, unknown>(
			wanted.map((value, at) => [value, results[at] as unknown])
		);
		return items.map((item) => {
			if (typeof item !== 'object' || item === null) return item;
			return { ...item, [as]: byValue.get(fieldOf(item, field)) ?? null };
		});
	});
}

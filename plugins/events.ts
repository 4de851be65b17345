/** Events that have a schema each: what channels and groups share on the server. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
	chain,
	isThenable,
	LiveError,
	RealtimeError,
	type MaybePromise,
	type PublishResult
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { isSchema, validate } from './validate.ts';

/** Event name → what checks its data (valibot, zod, arktype); `null`: any data. */
export type EventSchemas = Readonly<Record<string, StandardSchemaV1 | null>>;

/** What is published as an event. */
export type EventInput<Schema> = Schema extends StandardSchemaV1
	? StandardSchemaV1.InferInput<Schema>
	: unknown;
/** What listeners of an event get: the output of its schema. */
export type EventOutput<Schema> = Schema extends StandardSchemaV1
	? StandardSchemaV1.InferOutput<Schema>
	: unknown;

/** Inputs, or outputs, of all events. */
export type EventInputs<Events> = { readonly [Name in keyof Events]: EventInput<Events[Name]> };
export type EventOutputs<Events> = { readonly [Name in keyof Events]: EventOutput<Events[Name]> };

/** Data may be left out where it may be `undefined`. */
export type DataArgs<Data> = undefined extends Data ? [data?: Data] : [data: Data];

/** What clients may publish; see ChannelOptions. */
export type PublishRule =
	| true
	| readonly string[]
	| ((ctx: LiveContext, event: never, ...args: never[]) => MaybePromise<boolean>);

/** One event, and the arguments of the topic that it goes to. */
export interface Said {
	readonly event: unknown;
	readonly data: unknown;
	readonly args: readonly unknown[];
}

/** @throws {RealtimeError} RT_OPTION_INVALID naming the event, or the option. */
export function checkEvents(events: unknown, publish: unknown, owner: string): void {
	const check = (isRight: boolean, name: string, value: unknown, wanted: string): void => {
		if (isRight) return;
		throw new RealtimeError('RT_OPTION_INVALID', [name, owner, String(value), wanted]);
	};
	const isTable = typeof events === 'object' && events !== null;
	check(isTable, 'events', events, 'an object of event names and their schemas');
	const entries = Object.entries(events as EventSchemas);
	for (const [name, schema] of entries) {
		const isName = name.length > 0 && name.length <= 256;
		check(isName, 'events', name, 'an object with names of 1 to 256 characters');
		check(
			schema === null || isSchema(schema),
			`events.${name}`,
			schema,
			'a Standard Schema, or null for any data'
		);
	}
	const isList =
		Array.isArray(publish) && publish.every((name) => Object.hasOwn(events as object, name));
	const isRule = publish === undefined || publish === true || typeof publish === 'function';
	check(isRule || isList, 'publish', publish, 'true, a list of events, or a function');
}

/**
 * Checks an event and its data.
 *
 * @returns the output of its schema.
 * @throws {LiveError} INVALID_REQUEST for an event that there is not, VALIDATION with the issues.
 */
export function checkedData(
	events: EventSchemas,
	event: unknown,
	data: unknown
): MaybePromise<unknown> {
	const schema = events[nameOf(events, event)];
	return schema ? validate(schema, data) : data;
}

/** @throws {LiveError} INVALID_REQUEST */
function nameOf(events: EventSchemas, event: unknown): string {
	// Own names only: an event of a client's must not find what every object inherits.
	if (typeof event === 'string' && Object.hasOwn(events, event)) return event;
	// What a client sends in its place may be anything, also what cannot be made a text.
	const said = typeof event === 'string' ? `event "${event.slice(0, 64)}"` : 'such event';
	throw new LiveError('INVALID_REQUEST', `There is no ${said} here.`);
}

/**
 * Whether a client may publish an event.
 *
 * @throws {LiveError} INVALID_REQUEST for an event that there is not.
 */
export function mayPublish(
	rule: PublishRule | undefined,
	events: EventSchemas,
	ctx: LiveContext,
	{ event, args }: Said
): MaybePromise<boolean> {
	if (rule === undefined) return false;
	const name = nameOf(events, event);
	if (rule === true) return true;
	if (typeof rule !== 'function') return rule.includes(name);
	// Whatever else such a function answers must not pass for consent.
	return chain(rule(ctx, name as never, ...(args as never[])), (answer) => answer === true);
}

/** What a client that publishes is told: nothing, or why nothing was published. */
export function toOutcome(result: PublishResult): void {
	if (result.status === 'rejected') throw new LiveError(result.code);
	if (result.status === 'unknown') throw new LiveError('UNKNOWN_OUTCOME');
}

/** The same result; who does not wait for it causes no unhandled rejection. */
export function ignorable<T>(result: MaybePromise<T>): MaybePromise<T> {
	if (isThenable(result)) result.then(undefined, () => {});
	return result;
}

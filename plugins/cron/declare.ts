/** `live.cron()`: declares what the server runs by the clock. */

import { Cron } from 'croner';
import { declared, RealtimeError, type Declaration } from 'svelte-realtime/kernel';
import { checkOption } from '../checks.ts';
import type { ServerContext } from '../server-context.ts';

/** `ctx` of a job: services and `publish`; there is no connection and no user. */
export type CronContext = ServerContext;

export interface CronOptions {
	/** Whose clock the expression means, such as `Europe/Berlin`. @default the server's */
	timezone?: string;
	/** A run may begin while the one before it is still going. @default false */
	overlap?: boolean;
	/**
	 * What becomes of runs whose time has passed while the one before was still going, or while the
	 * process did not get to run (by more than a minute): left out, or made up for by one run as soon
	 * as that is possible. @default 'skip'
	 */
	missed?: 'skip' | 'run';
}

export interface CronDeclaration extends Declaration {
	readonly kind: 'cron';
	/** Where the result is published; undefined = nowhere. */
	readonly topic: string | undefined;
	readonly handler: (ctx: CronContext) => unknown;
	readonly overlap: boolean;
	readonly missed: 'skip' | 'run';
	/** The next time after one, both in milliseconds since the Unix epoch; undefined where there is none. */
	next(after: number): number | undefined;
}

/** A job. Called on the server it runs at once. */
export interface LiveCron<Result> {
	(ctx: CronContext): Result;
	readonly '~live': CronDeclaration;
}

/** Declares what runs at the times of an expression: minute, hour, day, month, day of the week. */
export function cron<Result>(
	expression: string,
	handler: (ctx: CronContext) => Result,
	options?: CronOptions
): LiveCron<Result>;
/** Its result, where there is one, is published to `topic` as `set`. */
export function cron<Result>(
	expression: string,
	topic: string,
	handler: (ctx: CronContext) => Result,
	options?: CronOptions
): LiveCron<Result>;
export function cron(expression: string, ...rest: unknown[]): unknown {
	const topic = typeof rest[0] === 'string' ? rest.shift() : undefined;
	const [handler, { timezone, overlap = false, missed = 'skip' } = {}] = rest as [
		unknown,
		CronOptions?
	];
	if (typeof handler !== 'function') {
		const wanted = 'an expression, a topic if its result is to be published, and a function';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.cron()', typeof handler, wanted]);
	}
	const owner = 'live.cron()';
	const isTopic = topic === undefined || (topic !== '' && !String(topic).startsWith('__'));
	checkOption(isTopic, 'topic', owner, topic, "a name that does not begin with '__'");
	checkOption(missed === 'skip' || missed === 'run', 'missed', owner, missed, "'skip' or 'run'");
	checkOption(typeof overlap === 'boolean', 'overlap', owner, overlap, 'true or false');
	checkOption(
		isTimezone(timezone),
		'timezone',
		owner,
		timezone,
		"the name of a time zone, as 'Europe/Berlin'"
	);
	const next = timesOf(expression, timezone);
	return declared(handler as (...args: never[]) => unknown, {
		kind: 'cron',
		schema: undefined,
		topic,
		handler,
		overlap,
		missed,
		next
	});
}

function isTimezone(name: unknown): boolean {
	if (name === undefined) return true;
	try {
		new Intl.DateTimeFormat('en', { timeZone: name as string });
		return typeof name === 'string';
	} catch {
		// That it throws is the answer.
		return false;
	}
}

/** @throws {RealtimeError} RT_OPTION_INVALID for an expression that makes no sense, or never comes true. */
function timesOf(expression: unknown, timezone: string | undefined): CronDeclaration['next'] {
	const invalid = (reason: string, cause?: unknown): RealtimeError => {
		const wanted = `five fields, "minute hour day month weekday", or six with seconds before them: ${reason}`;
		const slots = ['expression', 'live.cron()', JSON.stringify(expression), wanted];
		return new RealtimeError('RT_OPTION_INVALID', slots, { cause });
	};
	const fields = typeof expression === 'string' ? expression.trim().split(/\s+/).length : 0;
	if (fields !== 5 && fields !== 6) throw invalid(`it has ${fields}`);
	let times: Cron;
	try {
		// Without a function it starts no timer of its own.
		times = new Cron(expression as string, { ...(timezone !== undefined && { timezone }) });
	} catch (error) {
		throw invalid((error as Error).message, error);
	}
	const next = (after: number): number | undefined => times.nextRun(new Date(after))?.getTime();
	if (next(0) === undefined) throw invalid('there is no such day');
	return next;
}

/** Reads the events of the database in the order of their commits; of all instances one does. */

import type { Clock, PublishResult } from 'svelte-realtime/kernel';
import type { Link } from 'svelte-realtime/plugins/postgres';
import { isOutage } from '../postgres-failures.ts';
import { READING } from './tables.ts';

/** An event of the database. */
export interface DatabaseEvent {
	/** Its place in the order of commits. */
	readonly number: string;
	readonly topic: string;
	readonly event: string;
	readonly data: unknown;
}

export interface ReaderOptions {
	readonly link: Link;
	readonly clock: Clock;
	/** The schema, quoted. */
	readonly schema: string;
	/** The channel that wakes it. */
	readonly channel: string;
	/** Milliseconds after which it looks, woken or not. */
	readonly check: number;
	/** Milliseconds that events are kept. */
	readonly retention: number;
	publish(event: DatabaseEvent): Promise<PublishResult>;
	/** An event that can never be published is passed over. */
	refused(event: DatabaseEvent, code: string): void;
	report(error: unknown): void;
}

export interface Reader {
	/** Whether this instance is the one that publishes. */
	readonly isReading: boolean;
	close(): Promise<void>;
}

/** Events that are read, and may be published and not be noted as such. */
const BATCH = 64;
/** Milliseconds between two attempts to take over, and between two to publish what did not get through. */
const AGAIN = 1000;
/** Milliseconds between two times that old events are deleted, at most, and how many at once. */
const TRIM = 60_000;
const TRIMMED = 10_000;

/** What is tried again: it has not happened, or may not have. */
const LATER: readonly string[] = ['SERVICE_UNAVAILABLE', 'QUEUE_FULL', 'TIMEOUT'];

export function createReader(options: ReaderOptions): Reader {
	const { link, clock, schema, check, retention, report } = options;
	const events = `${schema}.events`;
	/** Published and not noted yet. */
	const published = new Set<string>();
	let isReading = false;
	/** Connections that were lost, each with the lock that it may have had. */
	let lost = 0;
	let isWanted = false;
	let isClosed = false;
	let running: Promise<void> | undefined;
	let asked = -Infinity;
	/** When the lock was surely this instance's. */
	let heard = 0;
	const trimEvery = Math.min(TRIM, Math.max(check, retention / 10));
	let trimmed = clock.now();
	let cancelAgain = (): void => {};

	/** Whether the lock is this connection's: it goes with the connection. */
	async function lead(): Promise<boolean> {
		if (isReading) return true;
		// Whoever does not have it is woken as often as the one that does.
		if (clock.now() - asked < AGAIN) return false;
		asked = clock.now();
		const before = lost;
		const { rows } = await link.query<{ mine: boolean }>(
			`select pg_try_advisory_lock(${READING}, $1::regclass::oid::int) as mine`,
			[events]
		);
		if (!rows[0]!.mine) return false;
		// A process that stands still keeps its connection, and with it the lock, unless it is ended.
		await link.query(`set idle_session_timeout = ${3 * check}`).catch(() => {});
		return (isReading = before === lost);
	}

	async function next(): Promise<DatabaseEvent[]> {
		const { rows } = await link.query<DatabaseEvent & { json: string | null }>(
			`select number, topic, event, data::text as json from ${events}
			where number > (select number from ${schema}.readers where name = 'events')
			order by number limit ${BATCH}`
		);
		heard = clock.now();
		return rows.map(({ number, topic, event, json }) => {
			const data: unknown = json === null ? undefined : JSON.parse(json);
			return { number, topic, event, data };
		});
	}

	/** Publishes one after the other, as far as they get through. */
	async function publishInOrder(ofTopic: readonly DatabaseEvent[]): Promise<void> {
		for (const event of ofTopic) {
			if (published.has(event.number)) continue;
			// It has stood still: another one may be far ahead, and this would be out of order.
			if (!isReading || clock.now() - heard > 2 * check) return;
			const result = await options.publish(event);
			if (result.status === 'unknown') return;
			if (result.status === 'rejected') {
				if (LATER.includes(result.code)) return;
				if (result.code !== 'DROPPED') options.refused(event, result.code);
			}
			published.add(event.number);
		}
	}

	/** @returns whether all of them got through. */
	async function publishAll(batch: readonly DatabaseEvent[]): Promise<boolean> {
		const topics = new Map<string, DatabaseEvent[]>();
		for (const event of batch) {
			const ofTopic = topics.get(event.topic);
			if (ofTopic) ofTopic.push(event);
			else topics.set(event.topic, [event]);
		}
		await Promise.all([...topics.values()].map(publishInOrder));
		const first = batch.findIndex(({ number }) => !published.has(number));
		const through = first === -1 ? batch : batch.slice(0, first);
		if (through.length > 0) {
			await link.query(
				`update ${schema}.readers set number = $1 where name = 'events' and number < $1`,
				[through.at(-1)!.number]
			);
			heard = clock.now();
			for (const { number } of through) published.delete(number);
		}
		return first === -1;
	}

	async function trim(): Promise<void> {
		if (clock.now() - trimmed < trimEvery) return;
		trimmed = clock.now();
		const young = `now() - ${retention} * interval '1 millisecond'`;
		await link.query(
			`delete from ${events} where number in (
				select number from ${events}
				where number <= (select number from ${schema}.readers where name = 'events')
					and number < coalesce((select number from ${events}
						where number is not null and at >= ${young} order by number limit 1), 9e18)
				order by number limit ${TRIMMED})`
		);
	}

	async function run(): Promise<void> {
		while (isWanted && !isClosed) {
			isWanted = false;
			if (!(await lead())) continue;
			const batch = await next();
			if (batch.length === 0) {
				await trim();
				continue;
			}
			if (await publishAll(batch)) isWanted = true;
			else wakeAgain();
		}
	}

	function wakeAgain(): void {
		cancelAgain();
		cancelAgain = clock.after(AGAIN, wake);
	}

	function wake(): void {
		isWanted = true;
		if (running || isClosed || !link.isUp) return;
		running = run()
			.catch((error: unknown) => {
				// It goes on when the connection is back.
				if (!isOutage(error)) report(error);
				if (!isClosed) wakeAgain();
			})
			.finally(() => {
				running = undefined;
				if (isWanted && link.isUp) wake();
			});
	}

	link.listen(options.channel, wake);
	link.onUp(() => {
		asked = -Infinity;
		wake();
	});
	link.onDown(() => {
		isReading = false;
		lost += 1;
	});
	const cancelCheck = clock.every(check, wake);

	return {
		get isReading() {
			return isReading;
		},
		async close() {
			isClosed = true;
			cancelCheck();
			cancelAgain();
			await running;
		}
	};
}

/** A connection of one plugin's own, which hears channels and is made again for as long as it is wanted. */

import type { Client, ClientConfig, QueryResult, QueryResultRow } from 'pg';
import type { Clock } from 'svelte-realtime/kernel';
import { quoted } from '../postgres-tables.ts';

export interface Link {
	readonly isUp: boolean;
	/** Resolves when the first attempt to connect has succeeded, or failed. */
	readonly tried: Promise<void>;
	/** Runs SQL, one after the other. @throws what Postgres answers; an error where it is down. */
	query<Row extends QueryResultRow>(
		sql: string,
		values?: readonly unknown[]
	): Promise<QueryResult<Row>>;
	/** Hears a channel from when the connection is up; the result ends it. */
	listen(channel: string, receive: (payload: string) => void): () => void;
	/** Calls back each time that it is usable and all channels are heard, now if it is. */
	onUp(listener: () => void): () => void;
	onDown(listener: () => void): () => void;
	/** Ends the connection and makes a new one. */
	renew(): void;
	close(): void;
}

export interface LinkOptions {
	readonly driver: typeof import('pg');
	readonly config: ClientConfig;
	readonly clock: Clock;
	/** Milliseconds between two questions to the other end, and to the answer. */
	readonly silence: number;
	readonly patience: number;
	/** What has to be there before it is of use. */
	prepare(): Promise<void> | undefined;
	report(error: unknown): void;
}

/** Milliseconds to the first attempt to connect again, and the most. */
const FIRST = 50;
const MOST = 2000;

export function createLink(options: LinkOptions): Link {
	const { driver, config, clock, silence, patience, prepare, report } = options;
	const ups = new Set<() => void>();
	const downs = new Set<() => void>();
	const channels = new Map<string, (payload: string) => void>();
	let client: Client | undefined;
	let isUp = false;
	let isClosed = false;
	let attempts = 0;
	let cancelNext = (): void => {};
	let settleTried: () => void;
	const tried = new Promise<void>((resolve) => (settleTried = resolve));

	async function connect(): Promise<void> {
		const mine = new driver.Client(config);
		client = mine;
		let isOver = false;
		const over = (error?: unknown): void => {
			if (isOver) return;
			isOver = true;
			if (error !== undefined && !isClosed) report(error);
			// What is under way is rejected by this as well.
			mine.end().catch(report);
			lost();
		};
		mine.on('error', over);
		mine.on('end', () => over());
		mine.on('notification', ({ channel, payload = '' }) => {
			try {
				channels.get(channel)?.(payload);
			} catch (error) {
				// What somebody else has written there.
				report(error);
			}
		});
		try {
			await mine.connect();
			await prepare();
			for (const channel of channels.keys()) await mine.query(`listen ${quoted(channel)}`);
		} catch (error) {
			return over(error);
		}
		if (isOver || isClosed) return over();
		isUp = true;
		attempts = 0;
		settleTried();
		for (const listener of [...ups]) listener();
	}

	function lost(): void {
		settleTried();
		client = undefined;
		if (isUp) {
			isUp = false;
			for (const listener of [...downs]) listener();
		}
		if (isClosed) return;
		cancelNext = clock.after(Math.min(FIRST * 2 ** Math.min(attempts, 10), MOST), () => {
			void connect();
		});
		attempts += 1;
	}

	async function query<Row extends QueryResultRow>(
		sql: string,
		values: readonly unknown[] = []
	): Promise<QueryResult<Row>> {
		if (!isUp || client === undefined) throw new Error('Connection terminated: it is down.');
		return client.query<Row>(sql, [...values]);
	}

	const renew = (): void => void client?.end().catch(report);

	// A connection that is dead on the way shows nothing by itself.
	const cancelCheck = clock.every(silence, () => {
		if (!isUp) return;
		const cancel = clock.after(patience, renew);
		query('select 1').then(cancel, cancel);
	});

	void connect();
	return {
		get isUp() {
			return isUp;
		},
		tried,
		query,
		listen(channel, receive) {
			channels.set(channel, receive);
			const say = (word: string): void => {
				// One that it is not told is heard with the next connection.
				if (isUp) query(`${word} ${quoted(channel)}`).catch(renew);
			};
			say('listen');
			return () => {
				channels.delete(channel);
				say('unlisten');
			};
		},
		onUp(listener) {
			ups.add(listener);
			if (isUp) listener();
			return () => void ups.delete(listener);
		},
		onDown(listener) {
			downs.add(listener);
			return () => void downs.delete(listener);
		},
		renew,
		close() {
			isClosed = true;
			cancelCheck();
			cancelNext();
			ups.clear();
			downs.clear();
			renew();
		}
	};
}

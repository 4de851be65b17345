/** One connection to Redis: it refuses at once while it is down, and says when it is up. */

import type { Redis, RedisOptions } from 'ioredis';
import { watchCommands } from './sending.ts';

/** A connection that is made again for as long as it is wanted. */
export interface Link {
	/** The commands of ioredis; of a Cluster, where there is one: they are the same. */
	readonly client: Redis;
	/**
	 * Identifies the process at the other end: it changes with a restart, and with a replica that is
	 * promoted. Empty while there is none. Of a Cluster it is `OWN_RUN`: a script then asks the server
	 * that it runs on, as each slot has its own.
	 */
	readonly run: string;
	/** Whether commands are taken; of a Cluster, by one of its servers at least. */
	readonly isUp: boolean;
	/** Whether all of it is up. */
	readonly isWhole: boolean;
	/** Resolves when the first attempt to connect has succeeded, or failed. */
	readonly tried: Promise<void>;
	/** Calls back each time that the connection, or a part of it, is usable, now if it is; the result ends it. */
	onUp(listener: () => void): () => void;
	/** Calls back each time that it, or a part of it, is lost. */
	onDown(listener: () => void): () => void;
	/** Ends the connection and makes a new one: the other end answers no more. */
	renew(): void;
	close(): void;
}

export interface LinkOptions {
	/** The package; who does without Redis need not have it. */
	readonly driver: typeof import('ioredis');
	/** Where it leads, and how. */
	readonly where: RedisOptions;
	/** How the connection is called in CLIENT LIST. */
	readonly name: string;
	/** Milliseconds that a command may take. */
	readonly commandTimeout: number;
	report(error: unknown): void;
}

/** Milliseconds to the first attempt to connect again, and the most. */
const FIRST = 50;
const MOST = 2000;

/** Milliseconds before an attempt to connect again. */
export const waitBefore = (attempt: number): number =>
	Math.min(FIRST * 2 ** Math.min(attempt, 10), MOST);

type FailFast = RedisOptions & { replyMapping: 'legacy' };

/** What makes a connection fail at once instead of keeping what cannot be sent. */
export function failFast(name: string): FailFast {
	return {
		// Answers have the same form over both versions of the protocol.
		replyMapping: 'legacy',
		connectionName: name,
		// What was under way may have been executed: only who sent it can tell whether to send it again.
		autoResendUnfulfilledCommands: false,
		autoResubscribe: false,
		maxRetriesPerRequest: 0
	};
}

/** Who hears that a connection is there, or is not. */
export class Listeners {
	readonly #entries: Set<{ readonly listener: () => void }> = new Set();

	add(listener: () => void): () => void {
		const entry = { listener };
		this.#entries.add(entry);
		return () => void this.#entries.delete(entry);
	}

	tell(): void {
		for (const { listener } of [...this.#entries]) listener();
	}

	clear(): void {
		this.#entries.clear();
	}
}

export function createLink(options: LinkOptions): Link {
	const { driver, where, name, commandTimeout, report } = options;
	const [ups, downs] = [new Listeners(), new Listeners()];
	let run = '';
	let tried: () => void;
	const first = new Promise<void>((resolve) => (tried = resolve));

	const client = new driver.Redis({
		connectTimeout: 2 * commandTimeout,
		...where,
		...failFast(name),
		// A command that cannot be sent now fails now: what is kept for later would be sent out of order.
		enableOfflineQueue: false,
		retryStrategy: waitBefore
	});

	watchCommands(client, commandTimeout);
	/** The connection of before has its own answer under way still. */
	let attempts = 0;
	client.on('ready', () => {
		const attempt = (attempts += 1);
		runOf(client).then(
			(found) => {
				if (attempt !== attempts) return;
				run = found;
				tried();
				ups.tell();
			},
			(error: unknown) => {
				if (attempt !== attempts) return;
				report(error);
				client.disconnect(true);
			}
		);
	});
	client.on('close', () => {
		attempts += 1;
		tried();
		if (run === '') return;
		run = '';
		downs.tell();
	});
	client.on('error', (error: unknown) => {
		// Where no Sentinel is there, nothing is opened that could close.
		tried();
		report(error);
	});

	return {
		client,
		get run() {
			return run;
		},
		get isUp() {
			return run !== '';
		},
		get isWhole() {
			return run !== '';
		},
		tried: first,
		onUp(listener) {
			if (run !== '') listener();
			return ups.add(listener);
		},
		onDown: (listener) => downs.add(listener),
		renew: () => client.disconnect(true),
		close() {
			ups.clear();
			downs.clear();
			run = '';
			client.disconnect();
		}
	};
}

/** @throws where the server does not say: nobody could tell it from another one. */
async function runOf(client: Redis): Promise<string> {
	const found = /^run_id:(\w+)/m.exec(await client.info('server'))?.[1];
	if (found === undefined) throw new Error('INFO does not tell the run_id of the server.');
	return found;
}

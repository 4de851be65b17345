/** One connection to Redis: it refuses at once while it is down, and says when it is up. */

import { Redis, type RedisOptions } from 'ioredis';

/** A connection that is made again for as long as it is wanted. */
export interface Link {
	readonly client: Redis;
	/**
	 * Identifies the process at the other end: it changes with a restart, and with a replica that is
	 * promoted. Empty while there is none.
	 */
	readonly run: string;
	readonly isUp: boolean;
	/** Resolves when the first attempt to connect has succeeded, or failed. */
	readonly tried: Promise<void>;
	/** Calls back each time that the connection is usable, now if it is; the result ends it. */
	onUp(listener: () => void): () => void;
	/** Calls back each time that it is lost. */
	onDown(listener: () => void): () => void;
	/** Ends the connection and makes a new one: the other end answers no more. */
	renew(): void;
	close(): void;
}

export interface LinkOptions {
	readonly url: string;
	/** How the connection is called in CLIENT LIST. */
	readonly name: string;
	/** Milliseconds that a command may take; undefined = as long as it takes. */
	readonly commandTimeout: number | undefined;
	readonly more: RedisOptions;
	report(error: unknown): void;
}

/** Milliseconds to the first attempt to connect again, and the most. */
const FIRST = 50;
const MOST = 2000;

export function createLink({ url, name, commandTimeout, more, report }: LinkOptions): Link {
	const ups = new Set<() => void>();
	const downs = new Set<() => void>();
	let run = '';
	let isUp = false;
	let tried: () => void;
	const first = new Promise<void>((resolve) => (tried = resolve));

	const client = new Redis(url, {
		...more,
		// Answers have the same form over both versions of the protocol.
		replyMapping: 'legacy',
		connectionName: name,
		// A command that cannot be sent now fails now: what is kept for later would be sent out of order.
		enableOfflineQueue: false,
		// What was under way may have been executed: only who sent it can tell whether to send it again.
		autoResendUnfulfilledCommands: false,
		autoResubscribe: false,
		maxRetriesPerRequest: 0,
		...(commandTimeout !== undefined && { commandTimeout }),
		retryStrategy: (attempt) => Math.min(FIRST * 2 ** Math.min(attempt, 10), MOST)
	});

	/** The connection of before has its own answer under way still. */
	let attempts = 0;
	client.on('ready', () => {
		const attempt = (attempts += 1);
		const failed = (error: unknown): void => {
			if (attempt !== attempts) return;
			report(error);
			client.disconnect(true);
		};
		client.info('server').then((info) => {
			if (attempt !== attempts) return;
			run = /^run_id:(\w+)/m.exec(info)?.[1] ?? '';
			isUp = true;
			tried();
			for (const listener of [...ups]) listener();
		}, failed);
	});
	client.on('close', () => {
		attempts += 1;
		tried();
		run = '';
		if (!isUp) return;
		isUp = false;
		for (const listener of [...downs]) listener();
	});
	let reported = '';
	client.on('error', (error: Error) => {
		// One outage is one message, however many attempts it outlasts.
		if (error.message !== reported) report(error);
		reported = error.message;
	});
	ups.add(() => (reported = ''));

	return {
		client,
		get run() {
			return run;
		},
		get isUp() {
			return isUp;
		},
		tried: first,
		onUp(listener) {
			ups.add(listener);
			if (isUp) listener();
			return () => void ups.delete(listener);
		},
		onDown(listener) {
			downs.add(listener);
			return () => void downs.delete(listener);
		},
		renew: () => client.disconnect(true),
		close() {
			ups.clear();
			downs.clear();
			client.disconnect();
		}
	};
}

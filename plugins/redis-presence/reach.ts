/** Whether Redis can be reached, and who waits until it can. */

import type { Redis } from 'ioredis';
import { isLiveError, type Clock } from 'svelte-realtime/kernel';
import type { RedisBackend } from 'svelte-realtime/plugins/redis';

export interface Reach {
	/** The last attempt has found that it cannot be. */
	readonly isAway: boolean;
	/** @throws {LiveError} SERVICE_UNAVAILABLE where it cannot be reached; what the command throws. */
	run<T>(work: (client: Redis) => Promise<T>): Promise<T>;
	/** Reports an error, but for an outage: that is said by who provides the connection. */
	tell(error: unknown): void;
	/** Calls back when it may be worth another attempt; the result ends it. */
	onReturn(listener: () => void): () => void;
	/** An attempt has succeeded. @returns whether it was away before. */
	reached(): boolean;
	close(): void;
}

export interface ReachOptions {
	readonly redis: Pick<RedisBackend, 'commands' | 'run'>;
	readonly clock: Clock;
	report(error: unknown): void;
}

/** Milliseconds from one attempt to the next. */
const RETRY = 1000;

export function createReach({ redis, clock, report }: ReachOptions): Reach {
	const listeners = new Set<() => void>();
	let isAway = false;
	let isClosed = false;
	let cancel: (() => void) | undefined;

	function tryAgain(): void {
		if (isAway && !isClosed) for (const listener of [...listeners]) listener();
	}

	function stopWaiting(): void {
		cancel?.();
		cancel = undefined;
	}

	const forget = redis.commands.onUp(tryAgain);

	return {
		get isAway() {
			return isAway;
		},
		async run(work) {
			try {
				return await redis.run('presence', work);
			} catch (error) {
				if (isOutage(error)) {
					isAway = true;
					cancel ??= isClosed
						? undefined
						: clock.after(RETRY, () => {
								cancel = undefined;
								tryAgain();
							});
				}
				throw error;
			}
		},
		tell(error) {
			if (!isOutage(error)) report(error);
		},
		onReturn(listener) {
			listeners.add(listener);
			return () => void listeners.delete(listener);
		},
		reached() {
			const wasAway = isAway;
			isAway = false;
			stopWaiting();
			return wasAway;
		},
		close() {
			isClosed = true;
			forget();
			stopWaiting();
		}
	};
}

function isOutage(error: unknown): boolean {
	return isLiveError(error) && error.code === 'SERVICE_UNAVAILABLE';
}

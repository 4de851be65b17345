/** A circuit breaker: stops asking what keeps failing, and finds out when it works again. */

import {
	isLiveError,
	isThenable,
	LiveError,
	systemClock,
	type Clock
} from 'svelte-realtime/kernel';
import { checkCount, checkTime } from './checks.ts';

/**
 * `closed`: everything goes through; `open`: nothing does; `half-open`: one attempt is on its way,
 * which decides.
 */
export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerOptions {
	/** Failures in a row that open it. @default 5 */
	failures?: number;
	/** Milliseconds that it stays open before one attempt is made. @default 30,000 */
	resetAfter?: number;
	/** Milliseconds that this attempt may take before it counts as a failure. @default 10,000 */
	probeTimeout?: number;
	/**
	 * Whether an error is one of what the breaker protects. What is none says nothing: it neither counts
	 * nor ends a row.
	 *
	 * @default every error but refusals: a LiveError with any other code than SERVICE_UNAVAILABLE, TIMEOUT
	 * and INTERNAL_ERROR, and whatever has a `status` below 500, as `error()` and `redirect()` of SvelteKit
	 */
	isFailure?: (error: unknown) => boolean;
	/** Hears of every change. */
	onChange?: (state: BreakerState, before: BreakerState) => void;
	/** @default that of the server which runs live functions with it, else the machine's */
	clock?: Clock;
}

export interface Breaker {
	readonly state: BreakerState;
	/** Whether it is closed. */
	readonly isHealthy: boolean;
	/**
	 * Runs `work`, if it may.
	 *
	 * @param instead Runs where `work` may not, or its attempt has taken too long: with what is thrown
	 * without it.
	 * @throws {LiveError} SERVICE_UNAVAILABLE with `retryAfter` at once where it may not; TIMEOUT for the
	 * attempt that takes longer than `probeTimeout`; else what `work` throws.
	 */
	run<T>(work: () => T, instead?: (error: LiveError) => T): T;
	/** Refuses while it is not closed. @throws {LiveError} SERVICE_UNAVAILABLE with `retryAfter`. */
	guard(): void;
	/** Lets the next attempt be made at once where it is open: something says that it works again. */
	retry(): void;
	/** Hears of every change; the result ends it. */
	onChange(listener: (state: BreakerState, before: BreakerState) => void): () => void;
	/** For the plugin `breaker`: belongs to this server from now on; the result ends it. */
	'~attach'(host: BreakerHost): () => void;
}

/** What a server has for a breaker. */
export interface BreakerHost {
	readonly clock: Clock;
	report(error: unknown): void;
}

/** Where there is no server. */
const ALONE: BreakerHost = {
	clock: systemClock,
	report: (error) => console.error('[svelte-realtime] a listener of a breaker failed:', error)
};

/**
 * Makes a circuit breaker, which any number of functions can share: one for each thing that can fail.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID.
 * @example const mails = createBreaker({ failures: 3, resetAfter: 10_000 });
 */
export function createBreaker(options: BreakerOptions = {}): Breaker {
	const { failures = 5, resetAfter = 30_000, probeTimeout = 10_000, isFailure = isOurs } = options;
	checkCount('failures', 'createBreaker()', failures);
	checkTime('resetAfter', 'createBreaker()', resetAfter);
	checkTime('probeTimeout', 'createBreaker()', probeTimeout, 1);
	const listeners = new Set<{ readonly listener: NonNullable<BreakerOptions['onChange']> }>();
	if (options.onChange) listeners.add({ listener: options.onChange });

	let hosts: readonly BreakerHost[] = [ALONE];
	const host = (): BreakerHost => hosts.at(-1)!;
	const clock = (): Clock => options.clock ?? host().clock;
	let state: BreakerState = 'closed';
	let inARow = 0;
	/** When it opened, or its attempt began. */
	let since = 0;
	/** What began before the latest change must not decide about what is now. */
	let era = {};

	function become(next: BreakerState): void {
		const before = state;
		state = next;
		inARow = 0;
		since = clock().now();
		era = {};
		for (const { listener } of [...listeners]) {
			try {
				listener(next, before);
			} catch (error) {
				host().report(error);
			}
		}
	}

	function failed(): void {
		inARow += 1;
		if (state === 'half-open' || inARow >= failures) become('open');
	}

	/** @returns milliseconds until it is worth asking; 0 where it is now. */
	function wait(): number {
		if (state === 'closed') return 0;
		const span = state === 'open' ? resetAfter : probeTimeout;
		// Clocks can be turned back: it waits for no longer than it was told to.
		return Math.min(Math.max(since + span - clock().now(), state === 'open' ? 0 : 1), span);
	}

	function refusal(): LiveError {
		return new LiveError('SERVICE_UNAVAILABLE', undefined, { retryAfter: wait() });
	}

	/** Makes what becomes of something that begins now count, as long as nothing has changed since. */
	function judge(): { worked(): void; threw(error: unknown): void } {
		const mine = era;
		return {
			worked() {
				if (mine !== era) return;
				if (state === 'half-open') become('closed');
				else inARow = 0;
			},
			threw(error) {
				if (mine !== era) return;
				if (isFailure(error)) failed();
				// An attempt that says nothing leaves it to the next one, at once.
				else if (state === 'half-open') {
					become('open');
					retry();
				}
			}
		};
	}

	function retry(): void {
		if (state === 'open') since = clock().now() - resetAfter;
	}

	function attempt<T>(work: () => T): T {
		const { worked, threw } = judge();
		let result: T;
		try {
			result = work();
		} catch (error) {
			threw(error);
			throw error;
		}
		if (!isThenable(result)) {
			worked();
			return result;
		}
		const settled = Promise.resolve(result);
		return settled.then(
			(value) => {
				worked();
				return value;
			},
			(error: unknown) => {
				threw(error);
				throw error;
			}
		) as T;
	}

	/** The one attempt: whoever has made it is not kept waiting for longer than its time. */
	function probe<T>(work: () => T, instead: (error: LiveError) => T): T {
		become('half-open');
		const mine = era;
		const result = attempt(work);
		if (!isThenable(result)) return result;
		const inTime = new Promise<unknown>((resolve, reject) => {
			const cancel = clock().after(probeTimeout, () => {
				if (mine === era) failed();
				// What it comes to later is nobody's any more.
				resolve(new Promise((done) => done(instead(new LiveError('TIMEOUT')))));
			});
			result.then(resolve, reject);
			result.then(cancel, cancel);
		});
		return inTime as T;
	}

	return {
		get state() {
			return state;
		},
		get isHealthy() {
			return state === 'closed';
		},
		run(work, instead = refuse) {
			if (state === 'closed') return attempt(work);
			if (state === 'half-open' || wait() > 0) return instead(refusal());
			return probe(work, instead);
		},
		guard() {
			if (state !== 'closed') throw refusal();
		},
		retry,
		onChange(listener) {
			const entry = { listener };
			listeners.add(entry);
			return () => void listeners.delete(entry);
		},
		'~attach'(given) {
			hosts = [...hosts, given];
			return () => void (hosts = hosts.filter((other) => other !== given));
		}
	};
}

function refuse(error: LiveError): never {
	throw error;
}

/** Codes of a LiveError that say that something does not work, not that somebody may not. */
const OUTAGES: readonly string[] = ['SERVICE_UNAVAILABLE', 'TIMEOUT', 'INTERNAL_ERROR'];

function isOurs(error: unknown): boolean {
	if (isLiveError(error)) return OUTAGES.includes(error.code);
	const { status } = Object(error) as { status?: unknown };
	return !(typeof status === 'number' && status < 500);
}

/** Locks that all instances share: who is first on this one asks the store. */

import { isThenable, LiveError, type Clock, type MaybePromise } from 'svelte-realtime/kernel';
import { Leases, type Lease, type LeasesOptions } from '../leases.ts';
import { GRACE } from '../lines.ts';

/** What the holder of a lock knows of it. */
export interface HeldLock {
	/**
	 * Grows with each time that the lock is had, on all instances. What the work writes to can refuse a
	 * number below one that it has seen: then nobody who has lost the lock changes anything any more.
	 */
	readonly fence: number;
}

/** @param signal Aborts when the time is up, the lock is lost, or its caller does not want it any more. */
export type LockWork<T> = (signal: AbortSignal, held: HeldLock) => MaybePromise<T>;

export interface SharedTimes {
	/** Milliseconds since the Unix epoch until which it waits; Infinity is for ever. */
	readonly until: number;
	/** Milliseconds that it is held; 0 is for ever. */
	readonly hold: number;
}

export interface SharedLocksOptions extends LeasesOptions {
	report(error: unknown): void;
}

export class SharedLocks {
	readonly #options: SharedLocksOptions;
	readonly #leases: Leases;
	/** Who waits for other instances: one of a key, as the others stand behind it in their line. */
	readonly #waiting: Map<string, AbortController> = new Map();

	constructor(options: SharedLocksOptions) {
		this.#options = options;
		this.#leases = new Leases(options);
	}

	/** Runs the work once no other instance has the lock. */
	async run<T>(
		key: string,
		work: LockWork<T>,
		{ until, hold }: SharedTimes,
		signal: AbortSignal
	): Promise<T> {
		const lease = await this.#acquire(key, until, signal);
		return new Promise<T>((resolve, reject) => {
			begin({ ...this.#options, key, work, hold, signal, lease, resolve, reject });
		});
	}

	/** Turns away those who wait, of one key or of all. */
	clear(key: string | undefined, error: LiveError): void {
		const all = key === undefined ? [...this.#waiting.values()] : [this.#waiting.get(key)];
		for (const waiting of all) waiting?.abort(error);
	}

	/** Lets go of everything. */
	close(): Promise<void> {
		return this.#leases.close();
	}

	async #acquire(key: string, until: number, signal: AbortSignal): Promise<Lease> {
		const { clock } = this.#options;
		const waiting = new AbortController();
		const abort = (): void => waiting.abort(signal.reason);
		const late = (): void =>
			waiting.abort(new LiveError('TIMEOUT', 'Another instance had the lock for too long.'));
		signal.addEventListener('abort', abort);
		const stop = until === Infinity ? () => {} : clock.after(until - clock.now(), late);
		this.#waiting.set(key, waiting);
		try {
			return await this.#leases.acquire(`lock:${key}`, waiting.signal);
		} finally {
			stop();
			signal.removeEventListener('abort', abort);
			if (this.#waiting.get(key) === waiting) this.#waiting.delete(key);
		}
	}
}

interface Beginning<T> {
	readonly clock: Clock;
	readonly key: string;
	readonly work: LockWork<T>;
	readonly hold: number;
	readonly signal: AbortSignal;
	readonly lease: Lease;
	resolve(value: T): void;
	reject(error: unknown): void;
	report(error: unknown): void;
}

/** Runs the work until it ends, is out of time, or has lost the lock. */
function begin<T>(beginning: Beginning<T>): void {
	const { clock, key, work, hold, signal, lease, resolve, reject, report } = beginning;
	const controller = new AbortController();
	let stop = (): void => {};
	const giveUp = (error: unknown): void => {
		reject(error);
		controller.abort(error);
	};
	const abort = (): void => controller.abort(signal.reason);
	const lose = (): void => giveUp(lease.signal.reason);
	const over = (): void => {
		stop();
		signal.removeEventListener('abort', abort);
		lease.signal.removeEventListener('abort', lose);
		void lease.release();
	};
	signal.addEventListener('abort', abort);
	lease.signal.addEventListener('abort', lose);
	if (hold > 0) {
		stop = clock.after(hold, () => {
			giveUp(new LiveError('TIMEOUT', `It ran for more than ${hold} ms.`));
			// It has a moment to end before the next one begins: whoever heeds the signal stays alone.
			stop = clock.after(GRACE, () => {
				const what = `The work of the lock ${JSON.stringify(key)} runs on after its timeout`;
				report(new LiveError('TIMEOUT', `${what} of ${hold} ms, beside the next one.`));
				over();
			});
		});
	}
	try {
		const result = work(controller.signal, { fence: lease.fence });
		if (!isThenable(result)) {
			over();
			return resolve(result);
		}
		Promise.resolve(result).then(resolve, reject).finally(over);
	} catch (error) {
		over();
		reject(error);
	}
}

/** Runs jobs: claims them, keeps the claims, and says what they came to. */

import { isLiveError, LiveError, type Clock, type MaybePromise } from 'svelte-realtime/kernel';
import type { Claimed, Dead, JobStore } from './store.ts';

/** One attempt at a job. */
export interface Job<Payload = unknown> {
	readonly id: string;
	readonly name: string;
	readonly payload: Payload;
	/** Its name among the jobs of this name, where it was given one. */
	readonly key: string | undefined;
	/** 1 for the first one. */
	readonly attempt: number;
	/** Aborts when the job is somebody else's, its time is up, or the server ends. */
	readonly signal: AbortSignal;
}

export type JobHandler<Payload = never> = (job: Job<Payload>) => MaybePromise<unknown>;

/** A handler, and how often and how long it is tried. */
export interface Handler {
	readonly handle: JobHandler<any>;
	readonly attempts: number;
	readonly timeout: number;
	/** Milliseconds until the next attempt; false = there is none. */
	backoff(attempt: number, error: unknown): number | false;
}

export interface WorkerOptions {
	readonly store: JobStore;
	readonly clock: Clock;
	readonly concurrency: number;
	/** Milliseconds that a claim lasts, unless it is renewed. */
	readonly lease: number;
	/** Milliseconds after which it looks for jobs, woken or not. */
	readonly check: number;
	/** A job that is tried no more. */
	dead(job: Claimed | Dead, error: unknown): void;
	report(error: unknown): void;
}

interface Running {
	readonly claim: Claimed;
	readonly controller: AbortController;
	/** When somebody else may have it, by this instance's clock. */
	until: number;
}

/** Milliseconds between two attempts to say what a job came to. */
const AGAIN = 500;

export class Worker {
	readonly #options: WorkerOptions;
	readonly #handlers: Map<string, Handler> = new Map();
	readonly #running: Map<string, Running> = new Map();
	readonly #cancelRenewal: () => void;
	#cancelNext: () => void = () => {};
	#looking: Promise<void> | undefined = undefined;
	#isWanted: boolean = false;
	#isClosed: boolean = false;
	#idle: () => void = () => {};

	constructor(options: WorkerOptions) {
		this.#options = options;
		const { clock, lease } = options;
		this.#cancelRenewal = clock.every(lease / 3, () => void this.#renew());
	}

	get running(): number {
		return this.#running.size;
	}

	handle(name: string, handler: Handler): () => void {
		this.#handlers.set(name, handler);
		this.wake();
		return () => {
			if (this.#handlers.get(name) === handler) this.#handlers.delete(name);
		};
	}

	/** There may be something to do. */
	wake(): void {
		this.#isWanted = true;
		this.#looking ??= this.#look().finally(() => {
			this.#looking = undefined;
			if (this.#isWanted && !this.#isClosed) this.wake();
		});
	}

	/** Begins nothing more; what runs may end, for half of the time until `deadline`, and is handed back. */
	async close(deadline: number): Promise<void> {
		const { clock, store, report } = this.#options;
		this.#isClosed = true;
		this.#cancelNext();
		// What is being claimed is claimed.
		await this.#looking;
		if (this.#running.size > 0) {
			await new Promise<void>((resolve) => {
				const late = Math.max(deadline - clock.now(), 0) / 2;
				const cancel = clock.after(late, resolve);
				this.#idle = () => {
					cancel();
					resolve();
				};
			});
		}
		this.#cancelRenewal();
		const left = [...this.#running.values()];
		if (left.length === 0) return;
		this.#running.clear();
		for (const { controller } of left) {
			controller.abort(new LiveError('SERVICE_UNAVAILABLE', 'The server shuts down.'));
		}
		try {
			await store.giveBack(left.map(({ claim }) => claim));
		} catch (error) {
			// They are begun again when their claims have ended.
			report(error);
		}
	}

	async #look(): Promise<void> {
		const { store, clock, concurrency, lease, check } = this.#options;
		this.#isWanted = false;
		this.#cancelNext();
		let wait = check;
		try {
			const wanted = concurrency - this.#running.size;
			const handled = [...this.#handlers].map(([name, { attempts }]) => ({ name, attempts }));
			if (wanted === 0 || handled.length === 0 || this.#isClosed) return;
			const asked = clock.now();
			const claims: Claimed[] = [];
			for (const job of await store.claim(handled, wanted, lease)) {
				if (job.token !== null) claims.push(job);
				else this.#options.dead(job, new Error(job.error));
			}
			for (const claim of claims) void this.#run(claim, asked + lease);
			if (claims.length === wanted) return;
			const next = await store.next(handled.map(({ name }) => name));
			wait = Math.min(check, Math.max(next ?? check, 10));
		} catch (error) {
			this.#fault(error);
		} finally {
			if (!this.#isClosed) this.#cancelNext = clock.after(wait, () => this.wake());
		}
	}

	async #run(claim: Claimed, until: number): Promise<void> {
		const { clock } = this.#options;
		const { id, name, payload, key, attempts } = claim;
		const controller = new AbortController();
		const { signal } = controller;
		const running: Running = { claim, controller, until };
		this.#running.set(id, running);
		const handler = this.#handlers.get(name)!;
		const job = { id, name, payload, key: key ?? undefined, attempt: attempts, signal };
		// Whoever does not heed the signal is not waited for.
		const aborted = new Promise<never>((_, reject) => {
			signal.addEventListener('abort', () => reject(signal.reason as Error));
		});
		const cancel = clock.after(handler.timeout, () => {
			const sentence = `The job ran for more than ${handler.timeout} ms.`;
			controller.abort(new LiveError('TIMEOUT', sentence));
		});
		try {
			const work = new Promise((resolve) => resolve(handler.handle(job)));
			await Promise.race([work, aborted]);
			cancel();
			await this.#say(running, async (store) => void (await store.complete(claim)));
		} catch (error) {
			cancel();
			await this.#failed(running, handler, error);
		} finally {
			// It may have been handed back, and claimed once more.
			if (this.#running.get(id) === running) this.#running.delete(id);
			if (this.#running.size === 0) this.#idle();
			if (!this.#isClosed) this.wake();
		}
	}

	async #failed(running: Running, handler: Handler, error: unknown): Promise<void> {
		const { claim } = running;
		let pause: number | false;
		try {
			pause = handler.backoff(claim.attempts, error);
		} catch (thrown) {
			this.#options.report(thrown);
			pause = false;
		}
		const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
		await this.#say(running, async (store) => {
			const state = await store.fail(
				claim,
				message.replaceAll('\0', ''),
				handler.attempts,
				pause === false ? null : pause
			);
			if (state === 'dead') this.#options.dead(claim, error);
		});
	}

	/** Says what it came to, for as long as that is this worker's to say. */
	async #say(running: Running, say: (store: JobStore) => Promise<void>): Promise<void> {
		const { clock, store } = this.#options;
		while (this.#running.get(running.claim.id) === running && clock.now() < running.until) {
			try {
				return await say(store);
			} catch (error) {
				this.#fault(error);
				// An answer that was lost: the second attempt finds that it is said.
				await new Promise<void>((resolve) => clock.after(AGAIN, resolve));
			}
		}
	}

	async #renew(): Promise<void> {
		const { store, clock, lease } = this.#options;
		const all = [...this.#running.values()];
		if (all.length === 0) return;
		const asked = clock.now();
		try {
			const held = await store.renew(
				all.map(({ claim }) => claim),
				lease
			);
			for (const running of all) {
				if (held.has(running.claim.id)) running.until = asked + lease;
				else this.#lose(running);
			}
		} catch (error) {
			this.#fault(error);
		}
		// A store that says nothing may have given them to somebody else.
		for (const running of all) if (clock.now() >= running.until - lease / 3) this.#lose(running);
	}

	#lose(running: Running): void {
		// It has said what it came to, and is not held any more.
		if (this.#running.get(running.claim.id) !== running) return;
		running.until = 0;
		running.controller.abort(new LiveError('STALE', 'The job is somebody else’s now.'));
	}

	#fault(error: unknown): void {
		// That Postgres is away is said once, by the backend.
		const isAway = isLiveError(error) && error.code === 'SERVICE_UNAVAILABLE';
		if (!isAway) this.#options.report(error);
	}
}

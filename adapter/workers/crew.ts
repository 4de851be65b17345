/** The workers of a supervisor: each is there, comes back when it ends, and is replaced without a gap. */

import type { Clock } from '../../kernel/clock.ts';
import { RealtimeError } from '../../kernel/errors.ts';
import { Health, type WorkerState } from './health.ts';
import type { FromWorker, Reason, ToWorker } from './messages.ts';

/** A process that serves the app, as far as the crew is concerned. */
export interface WorkerProcess {
	readonly pid: number;
	tell(message: ToWorker): void;
	/** Ends it at once. */
	kill(): void;
	onMessage(listener: (message: FromWorker) => void): void;
	/** @param listener Told once, in words, how it has ended. */
	onEnd(listener: (how: string) => void): void;
}

export interface CrewOptions {
	readonly size: number;
	readonly clock: Clock;
	/** A number from 0 up to 1. */
	readonly random: () => number;
	/** Milliseconds that a worker has to end in, once it is told to; then it is made to. */
	readonly patience: number;
	/** Starts a process. Its number tells it from every other one of this crew. */
	fork(id: number): WorkerProcess;
	log(line: string): void;
	/** There is no use in going on. */
	failed(error: RealtimeError): void;
}

/** Milliseconds before the first new start of a worker, doubled with every other, up to the longest. */
const SHORTEST = 100;
const LONGEST = 5000;
/** Milliseconds after which a worker that serves counts as one that works. */
const STEADY = 5000;
/** Ends in a row, each before it was steady, after which a place is given up. */
const ATTEMPTS = 10;
/** The same while no worker has ever served: what is wrong then is wrong for good. */
const FIRST_ATTEMPTS = 3;

interface Worker {
	readonly id: number;
	readonly process: WorkerProcess;
	readonly health: Health;
	/** Tells the other processes of the app from it. */
	instance: string | undefined;
	isLeaving: boolean;
	isSteady: boolean;
	readonly served: Promise<boolean>;
	readonly ended: Promise<void>;
}

/** One of `size` places, and who stands there. */
interface Place {
	worker: Worker | undefined;
	failures: number;
	cancelStart: (() => void) | undefined;
}

/** How long to wait before a worker is started again, in milliseconds. @param failures From 1. */
export function pause(failures: number, random: number): number {
	return Math.min(LONGEST, SHORTEST * 2 ** (failures - 1)) * (0.75 + random / 2);
}

export class Crew {
	readonly #options: CrewOptions;
	readonly #places: readonly Place[];
	#count: number = 0;
	#hasServed: boolean = false;
	#isEnding: boolean = false;
	#restarting: Promise<void> | undefined = undefined;
	#isWanted: boolean = false;

	constructor(options: CrewOptions) {
		this.#options = options;
		this.#places = Array.from({ length: options.size }, () => ({
			worker: undefined,
			failures: 0,
			cancelStart: undefined
		}));
	}

	/** Resolves when every worker serves; never where they cannot, which `failed` is told. */
	start(): Promise<void> {
		return new Promise((resolve) => {
			this.#complete = resolve;
			for (const place of this.#places) this.#fill(place);
		});
	}
	#complete: () => void = () => {};

	/** What is known of every worker that runs. */
	states(): WorkerState[] {
		return this.#workers().map(({ id, process, health }) => ({
			id,
			pid: process.pid,
			...health.state()
		}));
	}

	/**
	 * Puts a new worker into the place of each, one after the other: none leaves before its successor
	 * serves. A successor that does not come to serve ends it; the others stay.
	 */
	restart(): Promise<void> {
		this.#isWanted = true;
		return (this.#restarting ??= this.#restart().finally(() => (this.#restarting = undefined)));
	}

	/** Ends all of them; resolves when none is left. */
	async end(reason: Reason): Promise<void> {
		this.#isEnding = true;
		for (const place of this.#places) place.cancelStart?.();
		const workers = this.#workers();
		const siblings = workers.flatMap(({ instance }) => instance ?? []);
		await Promise.all(workers.map((worker) => this.#leave(worker, reason, siblings)));
	}

	/** Ends all of them at once. */
	kill(): void {
		this.#isEnding = true;
		for (const { process } of this.#all) process.kill();
	}

	// --- one worker ---

	/** Those that run, with those that are not in their places yet, or any more. */
	readonly #all: Set<Worker> = new Set();

	#workers(): Worker[] {
		return [...this.#all];
	}

	#fill(place: Place): void {
		place.worker = this.#launch(place);
	}

	/** Starts a worker for a place, which it need not stand in yet. */
	#launch(place: Place): Worker {
		const { clock, log } = this.#options;
		const id = (this.#count += 1);
		const process = this.#options.fork(id);
		const health = new Health(clock, {
			ping: () => process.tell({ type: 'ping' }),
			dead: (what) => {
				log(`Worker ${id} (process ${process.pid}) ${what}, and is killed.`);
				process.kill();
			}
		});
		let serve!: (served: boolean) => void;
		let end!: () => void;
		const worker: Worker = {
			...{ id, process, health, instance: undefined, isLeaving: false, isSteady: false },
			served: new Promise((resolve) => (serve = resolve)),
			ended: new Promise((resolve) => (end = resolve))
		};
		this.#all.add(worker);
		let cancelSteady: (() => void) | undefined;
		process.onMessage((message) => {
			health.heard(message);
			if (message.type !== 'ready') return;
			worker.instance = message.instance;
			this.#hasServed = true;
			cancelSteady = clock.after(STEADY, () => (worker.isSteady = true));
			log(`Worker ${id} (process ${process.pid}) serves.`);
			serve(true);
			if (this.#places.every((each) => each.worker?.health.isServing)) this.#complete();
		});
		process.onEnd((how) => {
			this.#all.delete(worker);
			cancelSteady?.();
			health.stop();
			log(`Worker ${id} (process ${process.pid}) has ended${worker.isLeaving ? '' : ` ${how}`}.`);
			serve(false);
			end();
			if (place.worker !== worker || worker.isLeaving || this.#isEnding) return;
			place.worker = undefined;
			this.#lost(place, worker, how);
		});
		return worker;
	}

	/** A worker has ended without having been told to. */
	#lost(place: Place, { isSteady }: Worker, how: string): void {
		const { clock, random, failed } = this.#options;
		place.failures = isSteady ? 1 : place.failures + 1;
		const most = this.#hasServed ? ATTEMPTS : FIRST_ATTEMPTS;
		// As long as one of them works, it goes on.
		if (place.failures >= most && !this.#workers().some((worker) => worker.isSteady)) {
			this.kill();
			failed(new RealtimeError('RT_WORKERS_FAILED', [most, how]));
			return;
		}
		place.cancelStart = clock.after(pause(place.failures, random()), () => {
			place.cancelStart = undefined;
			this.#fill(place);
		});
	}

	async #leave(worker: Worker, reason: Reason, siblings: readonly string[]): Promise<void> {
		worker.isLeaving = true;
		worker.process.tell({ type: 'leave', reason, siblings });
		const cancel = this.#options.clock.after(this.#options.patience, () => worker.process.kill());
		await worker.ended;
		cancel();
	}

	// --- one after the other ---

	async #restart(): Promise<void> {
		while (this.#isWanted && !this.#isEnding) {
			this.#isWanted = false;
			this.#options.log('Every worker is replaced, one after the other.');
			for (const place of this.#places) {
				if (this.#isEnding || !(await this.#replace(place))) return;
			}
			if (!this.#isEnding) this.#options.log('Every worker has been replaced.');
		}
	}

	async #replace(place: Place): Promise<boolean> {
		const successor = this.#launch(place);
		if (!(await successor.served)) {
			this.#options.log(
				`Worker ${successor.id} did not come to serve: those that serve stay as they are.`
			);
			return false;
		}
		const before = place.worker;
		place.worker = successor;
		place.failures = 0;
		// Where it has just ended by itself, its place is filled already.
		place.cancelStart?.();
		place.cancelStart = undefined;
		if (before) await this.#leave(before, 'SIGHUP', []);
		return true;
	}
}

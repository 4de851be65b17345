/** Whether a worker lives: it answers from time to time, and says how it is. */

import type { Clock } from '../../kernel/clock.ts';
import type { FromWorker } from './messages.ts';

/** What is known of a worker. */
export interface WorkerState {
	readonly id: number;
	readonly pid: number;
	readonly isServing: boolean;
	/** Milliseconds since it was started. */
	readonly age: number;
	/** Bytes, when it was asked last. */
	readonly memory: number | undefined;
	readonly connections: number | undefined;
}

/** Milliseconds between two questions. */
const INTERVAL = 10_000;
/** Milliseconds of silence after which it is taken for hung. */
const SILENCE = 30_000;
/** Milliseconds that it may take to serve. */
const START = 60_000;

export interface HealthOptions {
	ping(): void;
	/** @param what It has done, or not done. */
	dead(what: string): void;
}

export class Health {
	isServing: boolean = false;
	readonly #clock: Clock;
	readonly #began: number;
	readonly #cancel: () => void;
	#heard: number;
	#memory: number | undefined = undefined;
	#connections: number | undefined = undefined;

	constructor(clock: Clock, { ping, dead }: HealthOptions) {
		this.#clock = clock;
		this.#began = this.#heard = clock.now();
		this.#cancel = clock.every(INTERVAL, () => {
			if (clock.now() - this.#heard >= (this.isServing ? SILENCE : START)) {
				dead(this.isServing ? 'does not answer' : 'does not come to serve');
			} else if (this.isServing) ping();
		});
	}

	heard(message: FromWorker): void {
		this.#heard = this.#clock.now();
		if (message.type === 'ready') this.isServing = true;
		else ({ memory: this.#memory, connections: this.#connections } = message);
	}

	state(): Omit<WorkerState, 'id' | 'pid'> {
		return {
			isServing: this.isServing,
			age: this.#clock.now() - this.#began,
			memory: this.#memory,
			connections: this.#connections
		};
	}

	stop(): void {
		this.#cancel();
	}
}

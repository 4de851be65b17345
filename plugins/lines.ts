/** Tasks that wait in line, one line for each key: what queue and lock share. */

import { AsyncLocalStorage } from 'node:async_hooks';
import {
	isThenable,
	LiveError,
	type Clock,
	type DenialCode,
	type MaybePromise
} from 'svelte-realtime/kernel';
import { LinkedList, type Linked } from './linked-list.ts';
import { Outcome } from './outcome.ts';

/** Characters of a key. */
const KEY = 256;
/** Milliseconds for a task that has run out of time to end, before the next one begins beside it. */
export const GRACE = 1000;
const ENDING = 'The server shuts down.';

/** @param signal Aborts when the task's time is up, or its caller does not want it any more. */
export type Task<T> = (signal: AbortSignal) => MaybePromise<T>;

export interface TaskTimes {
	/** Milliseconds that it may wait; 0 is for ever. */
	readonly maxWait: number;
	/** Milliseconds that it may run; 0 is for ever. */
	readonly timeout: number;
	/** Takes it out of the line, or aborts the signal of a running one. */
	readonly signal: AbortSignal | undefined;
}

export interface LinesOptions {
	/** What a line is called in messages: `queue`. */
	readonly name: string;
	readonly clock: Clock;
	/** Tasks of one key that run at once. */
	readonly concurrency: number;
	/** Tasks that may wait in one line. */
	readonly size: number;
	/** Tasks that may wait or run in all. */
	readonly total: number;
	/** Hears that there was no room in a line (`size`), or in all of them together (`total`). */
	limited(limit: 'size' | 'total'): void;
	report(error: unknown): void;
}

/** A task in its line. */
interface Waiting extends Linked {
	task: Task<unknown>;
	readonly times: TaskTimes;
	readonly resolve: (value: unknown) => void;
	readonly reject: (error: unknown) => void;
	/** Ends the timer of waiting and the listening to its signal. */
	stopWaiting: () => void;
}

/** A task that runs: ends the wait of its caller, and tells the task. */
type GiveUp = (error: LiveError) => void;

interface Line {
	readonly key: string;
	readonly waiting: LinkedList<Waiting>;
	readonly running: Set<GiveUp>;
	/** The next ones are being begun: one that ends at once leaves it to the loop. */
	isAdvancing: boolean;
	/** Who wants to know when it is empty. */
	idle: (() => void)[];
}

export class Lines {
	readonly #options: LinesOptions;
	readonly #lines: Map<string, Line> = new Map();
	#waiting: number = 0;
	#running: number = 0;
	#isClosed: boolean = false;

	constructor(options: LinesOptions) {
		this.#options = options;
	}

	/** Runs `task` when it is its turn: at once, before this returns, where nothing is in front of it. */
	push<T>(key: string, task: Task<T>, times: TaskTimes): Promise<T> {
		return Outcome.of<T>((resolve, reject) => {
			const refusal = this.#refusal(key, times);
			if (refusal !== undefined) return reject(refusal);
			const line = this.#lines.get(key) ?? this.#open(key);
			const waiting: Waiting = {
				task,
				times,
				resolve: resolve as (value: unknown) => void,
				reject,
				stopWaiting: none,
				previous: undefined,
				next: undefined
			};
			if (line.running.size < this.#options.concurrency) this.#run(line, waiting);
			else this.#enter(line, waiting);
		}, this.#options.report);
	}

	/** The answer to a task that cannot be taken. */
	refuse(error: LiveError): Promise<never> {
		return Outcome.of<never>((_, reject) => reject(error), this.#options.report);
	}

	/** Tasks that wait or run, of one key or of all. */
	size(key?: string): number {
		if (key === undefined) return this.#waiting + this.#running;
		const line = this.#lines.get(key);
		return line === undefined ? 0 : line.waiting.length + line.running.size;
	}

	/** Turns away the tasks that wait; those that run are left alone, and keep their place. */
	clear(key: string | undefined, code: DenialCode, message: string): number {
		const lines = key === undefined ? [...this.#lines.values()] : [this.#lines.get(key)];
		let cleared = 0;
		for (const line of lines) {
			for (let first = line?.waiting.first; first; first = line!.waiting.first) {
				this.#leave(line!, first);
				first.reject(new LiveError(code, message));
				cleared += 1;
			}
		}
		return cleared;
	}

	/** Settles when nothing waits or runs any more, of one key or of all. */
	async drain(key?: string): Promise<void> {
		if (key !== undefined) {
			const line = this.#lines.get(key);
			if (line !== undefined) await new Promise<void>((done) => line.idle.push(done));
			return;
		}
		while (this.#lines.size > 0) {
			await Promise.all([...this.#lines.keys()].map((each) => this.drain(each)));
		}
	}

	/**
	 * Takes no more tasks, and lets those that are there end, for half of the time until `deadline`:
	 * others have to end too. What waits then is turned away, what runs is aborted, and it is reported.
	 */
	async close(deadline: number): Promise<void> {
		const { clock, report, name } = this.#options;
		this.#isClosed = true;
		if (this.#lines.size === 0) return;
		let stop = none;
		const late = new Promise<'late'>((resolve) => {
			stop = clock.after(Math.max(deadline - clock.now(), 0) / 2, () => resolve('late'));
		});
		const winner = await Promise.race([this.drain(), late]);
		stop();
		if (winner !== 'late') return;
		const cleared = this.clear(undefined, 'SERVICE_UNAVAILABLE', ENDING);
		const running = [...this.#lines.values()].flatMap((line) => [...line.running]);
		for (const giveUp of running) giveUp(new LiveError('SERVICE_UNAVAILABLE', ENDING));
		const counts = `${cleared} waited and ${running.length} ran`;
		report(
			new LiveError('SERVICE_UNAVAILABLE', `The ${name} was not empty at shutdown: ${counts}.`)
		);
	}

	#refusal(key: unknown, { signal }: TaskTimes): LiveError | undefined {
		const { name, size, total, limited, concurrency } = this.#options;
		if (typeof key !== 'string' || key.length > KEY) {
			return new LiveError(
				'INVALID_REQUEST',
				`The key of a ${name} has at most ${KEY} characters.`
			);
		}
		if (this.#isClosed) return new LiveError('SERVICE_UNAVAILABLE', ENDING);
		if (signal?.aborted) return cancelled(signal);
		const line = this.#lines.get(key);
		const isFull = this.size() >= total;
		if (!isFull) {
			if (line === undefined || line.running.size < concurrency) return undefined;
			if (line.waiting.length < size) return undefined;
		}
		limited(isFull ? 'total' : 'size');
		return new LiveError('QUEUE_FULL');
	}

	#open(key: string): Line {
		const waiting = new LinkedList<Waiting>();
		const line: Line = { key, waiting, running: new Set(), isAdvancing: false, idle: [] };
		this.#lines.set(key, line);
		return line;
	}

	#enter(line: Line, waiting: Waiting): void {
		const { name, clock } = this.#options;
		const { maxWait, signal } = waiting.times;
		const giveUp = (error: LiveError): void => {
			this.#leave(line, waiting);
			waiting.reject(error);
		};
		const abort = (): void => giveUp(cancelled(signal!));
		const stop =
			maxWait === 0
				? none
				: clock.after(maxWait, () =>
						giveUp(new LiveError('TIMEOUT', `The ${name} did not get to it in ${maxWait} ms.`))
					);
		signal?.addEventListener('abort', abort);
		waiting.stopWaiting = () => {
			stop();
			signal?.removeEventListener('abort', abort);
		};
		// It is begun by the end of somebody else's, whose request and user are not its own.
		const inContext = AsyncLocalStorage.snapshot();
		const { task } = waiting;
		waiting.task = (signal) => inContext(task, signal);
		line.waiting.push(waiting);
		this.#waiting += 1;
	}

	#leave(line: Line, waiting: Waiting): void {
		line.waiting.remove(waiting);
		this.#waiting -= 1;
		waiting.stopWaiting();
	}

	#run(line: Line, { task, times, resolve, reject }: Waiting): void {
		const { name, clock, report } = this.#options;
		const { signal, timeout } = times;
		const controller = new AbortController();
		const abort = (): void => controller.abort(cancelled(signal!));
		const giveUp = (error: LiveError): void => {
			reject(error);
			controller.abort(error);
		};
		let stop = none;
		signal?.addEventListener('abort', abort);
		line.running.add(giveUp);
		this.#running += 1;

		let isOver = false;
		const over = (): void => {
			if (isOver) return;
			isOver = true;
			stop();
			signal?.removeEventListener('abort', abort);
			line.running.delete(giveUp);
			this.#running -= 1;
			this.#next(line);
		};
		const settled = (settle: () => void): void => {
			settle();
			over();
		};

		if (timeout > 0) {
			stop = clock.after(timeout, () => {
				giveUp(new LiveError('TIMEOUT', `It ran for more than ${timeout} ms.`));
				// It has a moment to end before the next one begins: whoever heeds the signal stays alone.
				stop = clock.after(GRACE, () => {
					const what = `A task of the ${name} ${JSON.stringify(line.key)} runs on after its timeout`;
					report(new LiveError('TIMEOUT', `${what} of ${timeout} ms, beside the next one.`));
					over();
				});
			});
		}
		try {
			const result = task(controller.signal);
			if (!isThenable(result)) return settled(() => resolve(result));
			result.then(
				(value) => settled(() => resolve(value)),
				(error: unknown) => settled(() => reject(error))
			);
		} catch (error) {
			settled(() => reject(error));
		}
	}

	#next(line: Line): void {
		if (line.isAdvancing) return;
		line.isAdvancing = true;
		for (let first = line.waiting.first; first; first = line.waiting.first) {
			if (line.running.size >= this.#options.concurrency) break;
			this.#leave(line, first);
			this.#run(line, first);
		}
		line.isAdvancing = false;
		if (line.waiting.length > 0 || line.running.size > 0) return;
		this.#lines.delete(line.key);
		for (const done of line.idle.splice(0)) done();
	}
}

function none(): void {}

function cancelled(signal: AbortSignal): LiveError {
	return new LiveError('STALE', 'Its caller does not want it any more.', { cause: signal.reason });
}

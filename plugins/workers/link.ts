/** The way from a worker to the supervisor, which keeps what all workers share. */

import { LiveError, type WireError } from 'svelte-realtime/kernel';

/** Lines of text in both directions, each once and in order. */
export interface WorkerLink {
	/** @param line Without a line break. */
	send(line: string): void;
	/** Hears every line; called once. */
	receive(listener: (line: string) => void): void;
}

/**
 * The lines of a worker are `[id, port, method, …arguments]`, where nobody waits for the answer to
 * id 0. Those of the supervisor are `[id, result]`, `[id, null, error]`, and `[0, event, …arguments]`.
 * Frames are not JSON as a whole, so that nobody need parse what they carry: see `log.ts` and `bus.ts`.
 */
type Answer = readonly [result?: unknown, error?: WireError];

/** What a call of the supervisor came to, in the same step in which its answer arrived. */
type Settle = (result: unknown, error: WireError | undefined) => void;

export class Channel {
	readonly #link: WorkerLink;
	readonly #open: Map<number, Settle> = new Map();
	readonly #events: Map<string, (...args: readonly never[]) => void> = new Map();
	readonly #lines: Map<string, (line: string) => void> = new Map();
	#calls: number = 0;

	/** @param report Hears of lines that nobody could take. */
	constructor(link: WorkerLink, report: (error: unknown) => void) {
		this.#link = link;
		link.receive((line) => {
			try {
				this.#take(line);
			} catch (error) {
				report(error);
			}
		});
	}

	/** @throws {LiveError} what the port threw. */
	call<T>(port: string, method: string, ...args: readonly unknown[]): Promise<T> {
		return new Promise((resolve, reject) => {
			this.ask(
				(result, error) => {
					if (error) reject(new LiveError(error.code, error.message, error));
					else resolve(result as T);
				},
				[port, method, ...args]
			);
		});
	}

	/** The same, with what has to happen before anything that comes after the answer. */
	ask(settle: Settle, parts: readonly unknown[]): void {
		const id = (this.#calls += 1);
		this.#open.set(id, settle);
		this.#link.send(JSON.stringify([id, ...parts]));
	}

	/** Nobody waits for an answer. */
	tell(port: string, method: string, ...args: readonly unknown[]): void {
		this.#link.send(JSON.stringify([0, port, method, ...args]));
	}

	/** A line that is not JSON. */
	write(line: string): void {
		this.#link.send(line);
	}

	on<Args extends readonly unknown[]>(event: string, listener: (...args: Args) => void): void {
		this.#events.set(event, listener as never);
	}

	/** Hears the lines that begin with this character. */
	onLine(first: string, listener: (line: string) => void): void {
		this.#lines.set(first, listener);
	}

	#take(line: string): void {
		if (line[0] !== '[') return this.#lines.get(line[0]!)?.(line);
		const [id, ...rest] = JSON.parse(line) as [number, ...unknown[]];
		if (id === 0) {
			const [event, ...args] = rest as [string, ...never[]];
			return this.#events.get(event)?.(...args);
		}
		const settle = this.#open.get(id);
		this.#open.delete(id);
		const [result, error] = rest as [...Answer];
		settle?.(result, error);
	}
}

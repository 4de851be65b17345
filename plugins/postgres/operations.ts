/** Work in Postgres by the class of what it is for: each class is left alone for a while when it fails. */

import { LiveError, type Clock } from 'svelte-realtime/kernel';
import { createBreaker, type Breaker, type BreakerState } from '../circuit.ts';
import { isOutage } from '../postgres-failures.ts';

export interface OperationsOptions {
	readonly clock: Clock;
	/** Failures in a row after which a class is left alone. */
	readonly failures: number;
	/** Milliseconds for which it is. */
	readonly resetAfter: number;
	/** Milliseconds that the attempt after it may take. */
	readonly probeTimeout: number;
	/** Finds out whether Postgres serves again. */
	probe(): Promise<unknown>;
	report(error: unknown): void;
	onChange(operation: string, state: BreakerState): void;
}

export interface Operations {
	run<T>(operation: string, work: () => Promise<T>): Promise<T>;
	/** Something says that it is worth asking, whatever the time. */
	retry(): void;
	close(): void;
}

export function createOperations(options: OperationsOptions): Operations {
	const { clock, failures, resetAfter, probeTimeout, report } = options;
	const breakers = new Map<string, Breaker>();
	const waiting = new Map<string, () => void>();

	function breakerOf(operation: string): Breaker {
		const existing = breakers.get(operation);
		if (existing) return existing;
		const breaker = createBreaker({
			failures,
			resetAfter,
			probeTimeout,
			clock,
			isFailure: isOutage,
			onChange(state) {
				waiting.get(operation)?.();
				waiting.delete(operation);
				// Nobody's work is the attempt: it has its own question, and needs nobody to call.
				if (state === 'open')
					waiting.set(
						operation,
						clock.after(resetAfter, () => probe(breaker))
					);
				options.onChange(operation, state);
			}
		});
		breakers.set(operation, breaker);
		return breaker;
	}

	function probe(breaker: Breaker): void {
		if (breaker.state !== 'open') return;
		breaker.retry();
		breaker.run(options.probe).catch(report);
	}

	return {
		async run(operation, work) {
			const breaker = breakerOf(operation);
			breaker.guard();
			try {
				return await breaker.run(work);
			} catch (error) {
				if (!isOutage(error)) throw error;
				report(error);
				throw new LiveError('SERVICE_UNAVAILABLE', undefined, { cause: error });
			}
		},
		retry() {
			for (const breaker of breakers.values()) probe(breaker);
		},
		close() {
			for (const cancel of waiting.values()) cancel();
		}
	};
}

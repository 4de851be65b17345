/** Commands by the class of what they are for: each class is left alone for a while when it fails. */

import type { Redis } from 'ioredis';
import { LiveError, type Clock } from 'svelte-realtime/kernel';
import { createBreaker, type Breaker, type BreakerState } from '../circuit.ts';
import { isPartly, outageOf, refusalOf } from '../redis-failures.ts';
import type { Link } from './link.ts';

export interface OperationsOptions {
	readonly link: Link;
	readonly clock: Clock;
	/** Failures in a row after which a class is left alone. */
	readonly failures: number;
	/** Milliseconds for which it is. */
	readonly resetAfter: number;
	/** Milliseconds that the attempt after it may take. */
	readonly probeTimeout: number;
	/** Finds out whether Redis serves again. */
	probe(client: Redis): Promise<unknown>;
	/** Says what is wrong, once an outage. */
	report(error: unknown): unknown;
	onChange(operation: string, state: BreakerState): void;
}

/** @param duration Milliseconds. */
export type OperationListener = (
	operation: string,
	duration: number,
	outcome: 'ok' | 'error'
) => void;

export interface Operations {
	run<T>(operation: string, work: (client: Redis) => Promise<T>, link?: Link): Promise<T>;
	observe(listener: OperationListener): () => void;
	/** For each connection, before anybody else has it. */
	watch(link: Link): void;
	close(): void;
}

export function createOperations(options: OperationsOptions): Operations {
	const { link, clock, failures, resetAfter, probeTimeout, report } = options;
	const breakers = new Map<string, { readonly breaker: Breaker; readonly over: Link }>();
	const waiting = new Map<string, () => void>();
	/** Operations of which it is being found out, over a new connection, whether they are served again. */
	const asked = new Map<string, Promise<void>>();
	const forget: (() => void)[] = [];
	const listeners = new Set<{ readonly listener: OperationListener }>();

	function breakerOf(operation: string, over: Link): Breaker {
		const existing = breakers.get(operation);
		if (existing) return existing.breaker;
		const breaker = createBreaker({
			failures,
			resetAfter,
			probeTimeout,
			clock,
			// That one server of a Cluster is down says nothing about the others, and costs no time.
			isFailure: (error) => outageOf(error) !== undefined && !isPartly(error),
			onChange(state) {
				waiting.get(operation)?.();
				waiting.delete(operation);
				// Nobody's command is the attempt: it has its own question, and needs nobody to call.
				if (state === 'open')
					waiting.set(
						operation,
						clock.after(resetAfter, () => void probe(breaker, over))
					);
				options.onChange(operation, state);
			}
		});
		breakers.set(operation, { breaker, over });
		return breaker;
	}

	/** A connection that is made anew says that it is worth asking, whatever the time. */
	function watch(over: Link): void {
		forget.push(
			over.onUp(() => {
				for (const [operation, entry] of breakers) {
					if (entry.over !== over || entry.breaker.state !== 'open') continue;
					const answer = probe(entry.breaker, over).finally(() => asked.delete(operation));
					asked.set(operation, answer);
				}
			})
		);
	}
	watch(link);

	async function probe(breaker: Breaker, over: Link): Promise<void> {
		if (breaker.state !== 'open') return;
		breaker.retry();
		await breaker
			.run(async () => {
				if (!over.isUp) throw away();
				await options.probe(over.client);
			})
			.catch((error: unknown) => report(error));
	}

	function fail(error: unknown): never {
		if (outageOf(error) !== undefined) {
			report(error);
			throw new LiveError('SERVICE_UNAVAILABLE', undefined, { cause: error });
		}
		if (refusalOf(error) !== undefined) throw report(error);
		throw error;
	}

	/** Every publish comes this way: one promise more than it is made of. */
	function attempt<T>(
		operation: string,
		breaker: Breaker,
		work: (client: Redis) => Promise<T>,
		over: Link
	): Promise<T> {
		try {
			breaker.guard();
		} catch (error) {
			return Promise.reject(error as LiveError);
		}
		const answer = breaker.run(() => work(over.client));
		if (listeners.size === 0) return answer.catch(fail);
		const begun = clock.now();
		const tell = (outcome: 'ok' | 'error'): void => {
			for (const { listener } of listeners) listener(operation, clock.now() - begun, outcome);
		};
		return answer.then(
			(result) => {
				tell('ok');
				return result;
			},
			(error: unknown) => {
				tell('error');
				return fail(error);
			}
		);
	}

	return {
		run<T>(operation: string, work: (client: Redis) => Promise<T>, over = link): Promise<T> {
			if (!over.isUp) return Promise.reject(new LiveError('SERVICE_UNAVAILABLE'));
			const breaker = breakerOf(operation, over);
			// Whoever goes on when a connection is there must not be told of the one before it.
			const question = asked.get(operation);
			if (question) return question.then(() => attempt(operation, breaker, work, over));
			return attempt(operation, breaker, work, over);
		},
		observe(listener) {
			const entry = { listener };
			listeners.add(entry);
			return () => void listeners.delete(entry);
		},
		watch,
		close() {
			for (const end of forget) end();
			for (const cancel of waiting.values()) cancel();
		}
	};
}

/** As ioredis says it. */
function away(): Error {
	return new Error('Connection is closed.');
}

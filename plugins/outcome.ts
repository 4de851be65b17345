/** A promise that tells whether anybody has asked what became of it. */

/**
 * What a task comes to. A failure that nobody waits for is handed to `unheard`: it neither gets lost
 * nor ends the process as an unhandled rejection.
 */
export class Outcome<T> extends Promise<T> {
	/** What `then` returns is a plain promise. */
	static override get [Symbol.species](): PromiseConstructor {
		return Promise;
	}

	#isHeard: boolean = false;

	/** `await`, `Promise.all` and the like come by here too, as this is no plain promise. */
	override then<A = T, B = never>(
		fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
		rejected?: ((reason: unknown) => B | PromiseLike<B>) | null
	): Promise<A | B> {
		this.#isHeard = true;
		return super.then(fulfilled, rejected);
	}

	static of<T>(
		run: (resolve: (value: T | PromiseLike<T>) => void, reject: (error: unknown) => void) => void,
		unheard: (error: unknown) => void
	): Outcome<T> {
		const outcome = new Outcome<T>(run);
		listen(outcome, async (error: unknown) => {
			// Who awaits the result of a call has had time to by then, though the call failed at once.
			for (let turn = 0; turn < 3; turn += 1) await undefined;
			if (!outcome.#isHeard) unheard(error);
		});
		return outcome;
	}
}

/** Listens without being taken for somebody who does. */
function listen(outcome: Promise<unknown>, rejected: (error: unknown) => Promise<void>): void {
	void Promise.prototype.then.call(outcome, undefined, rejected);
}

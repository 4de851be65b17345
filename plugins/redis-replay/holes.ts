/** Topics of which something was delivered that the store does not have, or may not have. */

/** Topics that are remembered one by one; past it everything is renewed. */
const MOST = 10_000;

export class Holes {
	readonly #renewAll: () => Promise<void>;
	readonly #most: number;
	#topics: Set<string> = new Set();
	#isOverflowing: boolean = false;
	#renewing: Promise<void> | undefined = undefined;

	/** @param renewAll Renews everything that the store has. */
	constructor(renewAll: () => Promise<void>, most: number = MOST) {
		this.#renewAll = renewAll;
		this.#most = most;
	}

	get isEmpty(): boolean {
		return this.#topics.size === 0 && !this.#isOverflowing && !this.#renewing;
	}

	get isOverflowing(): boolean {
		return this.#isOverflowing;
	}

	get topics(): readonly string[] {
		return [...this.#topics];
	}

	has(topic: string): boolean {
		return this.#topics.has(topic);
	}

	add(topic: string): void {
		this.#topics.add(topic);
		if (this.#topics.size <= this.#most) return;
		this.#topics = new Set();
		this.#isOverflowing = true;
	}

	delete(topic: string): void {
		this.#topics.delete(topic);
	}

	/** Renews everything, where it has to be; who comes meanwhile waits for the same. */
	renewAll(): Promise<void> {
		if (this.#isOverflowing) this.#renewing ??= this.#run();
		return this.#renewing ?? Promise.resolve();
	}

	async #run(): Promise<void> {
		try {
			// What is delivered without the store from now on is another hole.
			this.#isOverflowing = false;
			await this.#renewAll();
		} catch (error) {
			this.#isOverflowing = true;
			throw error;
		} finally {
			this.#renewing = undefined;
		}
	}
}

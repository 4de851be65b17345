/** Names of the publishes of one instance. */

/** Names given by others that are known as this instance's own, until their frames are delivered. */
const GIVEN = 4096;

export class PublishIds {
	readonly #instance: string;
	readonly #given: Set<string> = new Set();
	#count: number = 0;

	constructor(instance: string) {
		this.#instance = instance;
	}

	/** A name; the given one where the publish has one, which may have been made before, elsewhere. */
	next(given?: string): string {
		if (given === undefined) return `${this.#instance}.${(this.#count += 1)}`;
		this.#given.add(given);
		if (this.#given.size > GIVEN) this.#given.delete(this.#given.values().next().value!);
		return given;
	}

	/**
	 * Who a delivered frame is by. Of a name that two publish at the same moment each may take the frame
	 * for its own: what is done for it is done at least once.
	 */
	originOf(id: string): 'local' | 'remote' {
		return id.startsWith(`${this.#instance}.`) || this.#given.delete(id) ? 'local' : 'remote';
	}
}

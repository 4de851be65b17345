/** What happened, in order: as a hash always, as lines where somebody wants to read them. */
export class Trace {
	readonly lines: string[] = [];
	readonly #keep: boolean;
	#hash: number = 0x811c9dc5;
	count: number = 0;

	/** @param keep Whether the lines are kept. */
	constructor(keep: boolean) {
		this.#keep = keep;
	}

	add(at: number, line: string): void {
		let hash = this.#hash ^ at;
		for (let i = 0; i < line.length; i += 1) {
			hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
		}
		this.#hash = hash;
		this.count += 1;
		if (this.#keep) this.lines.push(`${(at - 1_000_000).toString().padStart(7)} ${line}`);
	}

	/** Equal for equal traces, in their order. */
	get hash(): string {
		return `${(this.#hash >>> 0).toString(16).padStart(8, '0')}-${this.count}`;
	}
}

/** The changes of one topic on their way to Redis: one at a time, and what comes meanwhile together. */

import type { Cursor, CursorChange } from 'svelte-realtime/plugins/cursors';

export class Lane {
	readonly #send: (change: CursorChange) => Promise<void>;
	/** The newest of each key; `null`: it is gone. */
	#waiting: Map<string, Cursor | null> = new Map();
	#running: Promise<void> | undefined;
	#next: Promise<void> | undefined;

	constructor(send: (change: CursorChange) => Promise<void>) {
		this.#send = send;
	}

	get isIdle(): boolean {
		return this.#running === undefined && this.#next === undefined;
	}

	/** Resolves when Redis has it; rejects where it does not take it: then it is given up. */
	add({ puts, removes }: CursorChange): Promise<void> {
		for (const key of removes) this.#waiting.set(key, null);
		for (const cursor of puts) this.#waiting.set(cursor.key, cursor);
		if (this.#running === undefined) return this.#flush();
		return (this.#next ??= this.#running.then(
			() => this.#flush(),
			() => this.#flush()
		));
	}

	#flush(): Promise<void> {
		this.#next = undefined;
		const all = [...this.#waiting];
		this.#waiting = new Map();
		const running = this.#send({
			puts: all.flatMap(([, cursor]) => cursor ?? []),
			removes: all.flatMap(([key, cursor]) => (cursor === null ? [key] : []))
		}).finally(() => {
			if (this.#running === running) this.#running = undefined;
		});
		this.#running = running;
		return running;
	}
}

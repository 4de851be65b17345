/** Who wants to hear of which topic. */

import type { PluginKernel, PublishedContext } from 'svelte-realtime/kernel';

/** Hears a frame once it is delivered; MUST NOT throw. */
export type Listener = (frame: PublishedContext) => void;

/** Topics that are named to the kernel one by one; beyond, it is asked about all of them. */
const NAMED = 256;

/** Listens to topics; those that nobody listens to do not pay for it. */
export class Hub {
	readonly #kernel: Pick<PluginKernel<never, never>, 'hook'>;
	readonly #listeners: Map<string, Set<Listener>> = new Map();
	#unhook: (() => void) | undefined = undefined;
	#isAll: boolean = false;

	constructor(kernel: Pick<PluginKernel<never, never>, 'hook'>) {
		this.#kernel = kernel;
	}

	/** The result ends it. */
	listen(topics: Iterable<string>, listener: Listener): () => void {
		const own = new Set(topics);
		let isNew = false;
		for (const topic of own) {
			const all = this.#listeners.get(topic) ?? new Set();
			isNew ||= all.size === 0;
			this.#listeners.set(topic, all.add(listener));
		}
		if (isNew) this.#arrange();
		return () => {
			let isLess = false;
			for (const topic of own) {
				const all = this.#listeners.get(topic);
				if (!all?.delete(listener) || all.size > 0) continue;
				this.#listeners.delete(topic);
				isLess = true;
			}
			own.clear();
			if (isLess) this.#arrange();
		};
	}

	#arrange(): void {
		const { size } = this.#listeners;
		const isAll = size > NAMED;
		if (isAll && this.#isAll) return;
		this.#unhook?.();
		this.#isAll = isAll;
		const topics = isAll ? '*' : [...this.#listeners.keys()];
		this.#unhook =
			size === 0
				? undefined
				: this.#kernel.hook('published', (frame) => this.#tell(frame), { topics });
	}

	#tell(frame: PublishedContext): void {
		for (const listener of this.#listeners.get(frame.topic) ?? []) listener(frame);
	}
}

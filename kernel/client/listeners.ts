/** Who wants to know that something changed. */
export interface Listeners {
	readonly size: number;
	/** The result takes the listener out again, once. */
	add(listener: () => void): () => void;
	notify(): void;
}

export function createListeners(): Listeners {
	const entries = new Set<{ readonly listener: () => void }>();
	return {
		get size() {
			return entries.size;
		},
		add(listener) {
			// Wrapped, since one function may listen twice.
			const entry = { listener };
			entries.add(entry);
			return () => void entries.delete(entry);
		},
		notify() {
			for (const entry of [...entries]) if (entries.has(entry)) guarded(entry.listener);
		}
	};
}

/** Runs what the app or a plugin handed in: its failure is shown, and stops nobody else. */
export function guarded(task: () => void): void {
	try {
		task();
	} catch (error) {
		report(error);
	}
}

/** Shows an error that nobody is there to catch. */
export function report(error: unknown): void {
	(globalThis.reportError ?? console.error)(error);
}

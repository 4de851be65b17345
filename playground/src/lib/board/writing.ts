/** Says on which note one is writing, for as long as one does. */
export interface Writing {
	on(note: string): void;
	stop(): void;
}

/** Milliseconds of silence after which somebody is not writing any more. */
const SILENCE = 3000;

/** @param say Tells the others; called when it has changed. */
export function createWriting(say: (note: string | null) => void): Writing {
	let at: string | null = null;
	let timer: ReturnType<typeof setTimeout> | undefined;

	function set(note: string | null): void {
		clearTimeout(timer);
		if (note !== null) timer = setTimeout(set, SILENCE, null);
		if (note === at) return;
		at = note;
		say(note);
	}

	return { on: set, stop: () => set(null) };
}

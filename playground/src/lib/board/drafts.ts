/** What one does to notes at this moment: shown at once, and sent at a pace that the server takes. */

import { SvelteMap } from 'svelte/reactivity';
import type { Note } from '$lib/model';

export type Changes = Partial<Pick<Note, 'text' | 'x' | 'y'>>;

/** A drag, or a while of writing. */
interface Draft {
	/** The note before it. */
	readonly before: Note;
	readonly changes: Changes;
}

export interface Drafts {
	/** The note as it is for the one who is at it. */
	of(note: Note): Note;
	alter(note: Note, changes: Changes): void;
	/** Ends a draft, which is not sent any more. @returns the note before it, if there was one. */
	end(id: string): Note | undefined;
}

/** Milliseconds between two calls: 25 a second, half of what a server gives one visitor by default. */
const PACE = 40;

/** @param send Tells the others how far it has come. */
export function createDrafts(send: (id: string, changes: Changes) => void): Drafts {
	const drafts = new SvelteMap<string, Draft>();
	const unsent = new Set<string>();
	let timer: ReturnType<typeof setTimeout> | undefined;

	function flush(): void {
		timer = undefined;
		for (const id of unsent) send(id, drafts.get(id)!.changes);
		unsent.clear();
	}

	return {
		of: (note) => ({ ...note, ...drafts.get(note.id)?.changes }),

		alter(note, changes) {
			const draft = drafts.get(note.id) ?? { before: note, changes: {} };
			drafts.set(note.id, { ...draft, changes: { ...draft.changes, ...changes } });
			unsent.add(note.id);
			timer ??= setTimeout(flush, PACE);
		},

		end(id) {
			const draft = drafts.get(id);
			drafts.delete(id);
			unsent.delete(id);
			return draft?.before;
		}
	};
}

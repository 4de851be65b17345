/** What went wrong with a form, in the words that stand beside its fields. */

import { LiveError } from 'svelte-realtime/client';

export interface Problem {
	/** Concerns the form as a whole; empty where the fields say it all. */
	readonly message: string;
	/** The first issue of each field, by the field's name. */
	readonly fields: Readonly<Record<string, string>>;
}

/** @throws what is no answer of the server, for that is a mistake of the page. */
export function problemOf(error: unknown): Problem {
	if (!(error instanceof LiveError)) throw error;
	if (error.code !== 'VALIDATION') return { message: error.message, fields: {} };

	const fields: Record<string, string> = {};
	for (const { path, message } of error.issues ?? []) fields[String(path[0])] ??= message;
	return { message: '', fields };
}

/** What a call that failed is answered with. */

import {
	chain,
	encode,
	isLiveError,
	toWireError,
	type Connection,
	type MaybePromise,
	type PluginKernel
} from 'svelte-realtime/kernel';
import { added } from './added.ts';
import type { ErrorReader } from './invocation.ts';

export interface Failures {
	/** Adds a reader, of which the first one is asked; the result takes it out. */
	failing(reader: ErrorReader): () => void;
	/** The reply to a call that failed; reports what is no LiveError. */
	encodeError(id: number | null, error: unknown): string;
	/** The same, once a reader has seen the error; where there is none, that is at once. */
	failed(connection: Connection, id: number | null, error: unknown): MaybePromise<string>;
	/** Sends that. */
	answer(connection: Connection, id: number | null, error: unknown): void;
}

export function createFailures({ report }: Pick<PluginKernel<never, never>, 'report'>): Failures {
	const readers: ErrorReader[] = [];

	function encodeError(id: number | null, error: unknown): string {
		try {
			if (!isLiveError(error)) report(error);
			return encode({ type: 'reply', id, error: toWireError(error) });
		} catch (failure) {
			// A LiveError whose own fields cannot be written, or read, is a fault of the handler.
			report(failure);
			return encode({ type: 'reply', id, error: toWireError(undefined) });
		}
	}

	function failed(connection: Connection, id: number | null, error: unknown): MaybePromise<string> {
		const [reader] = readers;
		try {
			if (reader === undefined || isLiveError(error)) return encodeError(id, error);
			const read = reader(error, connection);
			return chain(read, (known) => encodeError(id, known ?? error));
		} catch {
			// It cannot even be looked at, which is then said in its place.
			return encodeError(id, error);
		}
	}

	return {
		failing: (reader) => added(readers, reader),
		encodeError,
		failed,
		answer: (connection, id, error) =>
			void chain(failed(connection, id, error), (text) => connection.answer(text))
	};
}

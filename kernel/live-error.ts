/** The errors that a client is sent, apart from the table of the others: a browser loads this file. */

import { isRetryable, messageOf, type DenialCode } from './codes.ts';

/** One thing that is wrong with an input, as Standard Schema reports it. */
export interface Issue {
	readonly message: string;
	/** Keys from the input down to the value. */
	readonly path: readonly (string | number)[];
}

/** An error as it stands in a frame. */
export interface WireError {
	readonly code: DenialCode;
	readonly message: string;
	readonly issues?: readonly Issue[];
	/** Milliseconds after which trying again can help. */
	readonly retryAfter?: number;
	/** Where the answer is, of a REDIRECT. */
	readonly location?: string;
	/** What SvelteKit's `error(status, body)` was given, or the app's `handleError` has returned. */
	readonly body?: unknown;
}

const LIVE_ERROR: unique symbol = Symbol.for('svelte-realtime.live-error') as never;

export interface LiveErrorOptions extends ErrorOptions {
	issues?: readonly Issue[];
	/** Milliseconds after which trying again can help. */
	retryAfter?: number;
	/** Where to go, of a REDIRECT. */
	location?: string;
	/** Plain data about the error, for the caller. */
	body?: unknown;
}

/**
 * An error that a live function throws and the caller receives, with its code and message.
 *
 * Whatever else a live function throws reaches the client as INTERNAL_ERROR without a detail.
 *
 * @example throw new LiveError('FORBIDDEN', 'Only the owner may delete a board.');
 */
export class LiveError extends Error {
	declare readonly code: DenialCode;
	declare readonly issues: readonly Issue[] | undefined;
	declare readonly retryAfter: number | undefined;
	declare readonly location: string | undefined;
	declare readonly body: unknown;
	/** Whether trying the same again can help, by the table of codes. */
	declare readonly retryable: boolean;
	override readonly name: string = 'LiveError';

	/** @param message Shown to the client. @default the sentence of the code's table row */
	constructor(code: DenialCode, message: string = code, options: LiveErrorOptions = {}) {
		super(message, options);
		// The options may be an error as it was on the wire; what it is is decided here.
		Object.assign(this, options, { code, retryable: isRetryable(code) });
		Object.defineProperty(this, LIVE_ERROR, { value: true });
	}
}

/** Knows a LiveError of any copy of this package, which bundling can make several of. */
export function isLiveError(error: unknown): error is LiveError {
	return typeof error === 'object' && error !== null && LIVE_ERROR in error;
}

/** What a client may know of an error: all of a LiveError, nothing of any other. */
export function toWireError(error: unknown): WireError {
	if (!isLiveError(error)) return { code: 'INTERNAL_ERROR', message: messageOf('INTERNAL_ERROR') };
	return {
		code: error.code,
		// The sentence is put in here and not by the constructor, whose table a page need not load.
		message: error.message === error.code ? messageOf(error.code) : error.message,
		...(error.issues && { issues: error.issues }),
		...(error.retryAfter !== undefined && { retryAfter: error.retryAfter }),
		...(error.location !== undefined && { location: error.location }),
		...(error.body !== undefined && { body: error.body })
	};
}

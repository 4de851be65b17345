/** The codes that a client can meet: denials and errors in frames, and codes of closing. */

/** Sentences of the codes that a client raises by itself: the ones that a page has to load. */
export const CLIENT_SENTENCES = {
	PAYLOAD_TOO_LARGE: 'The message is too large.',
	TIMEOUT: 'No answer in time.',
	CONNECTION_CLOSED: 'The connection is closed.',
	QUEUE_FULL: 'The queue is full.',
	STALE: 'The call is too old.'
} as const;

/** Codes after which trying the same again can help. */
const RETRYABLE =
	/^(RATE_LIMITED|SERVICE_UNAVAILABLE|TIMED_OUT_GUARD|TIMEOUT|DISCONNECTED|QUEUE_FULL)$/;

/**
 * What each code means, and the HTTP status of a refused upgrade. A row without a sentence has it
 * above.
 */
const TABLE = {
	REDIRECT: { status: 303, message: 'The answer is elsewhere.' },
	INVALID_REQUEST: { status: 400, message: 'The request is not well formed.' },
	VALIDATION: { status: 400, message: 'The input is not valid.' },
	INVALID_TOPIC: { status: 400, message: 'The topic name is not valid.' },
	UNAUTHENTICATED: { status: 401, message: 'Sign in first.' },
	FORBIDDEN: { status: 403, message: 'Access denied.' },
	NOT_FOUND: { status: 404, message: 'There is no such function.' },
	CONFLICT: { status: 409, message: 'The request conflicts with another one.' },
	FULL: { status: 409, message: 'There is no room for another member.' },
	PAYLOAD_TOO_LARGE: { status: 413 },
	RATE_LIMITED: { status: 429, message: 'Too many requests.' },
	INTERNAL_ERROR: { status: 500, message: 'Internal server error.' },
	SERVICE_UNAVAILABLE: { status: 503, message: 'The service is not available.' },
	TIMED_OUT_GUARD: { status: 504, message: 'The check took too long.' },
	TIMEOUT: { status: 504 },
	DISCONNECTED: { status: 503, message: 'The connection was lost.' },
	CONNECTION_CLOSED: { status: 503 },
	QUEUE_FULL: { status: 503 },
	STALE: { status: 409 },
	UNKNOWN_OUTCOME: { status: 500, message: 'Whether the call has run cannot be known.' }
} as const satisfies Record<string, { status: number; message?: string }>;

/** A code of the table above; an app may use codes of its own beside them. */
export type KnownCode = keyof typeof TABLE;
export type DenialCode = KnownCode | (string & {});

/** The table with, for each code, whether trying again can help. */
export const CODES: Readonly<
	Record<string, { status: number; retryable: boolean; message: string }>
> = /* @__PURE__ */ table();

function table(): typeof CODES {
	return Object.fromEntries(
		Object.entries(TABLE).map(([code, { status }]) => [
			code,
			{ status, retryable: isRetryable(code), message: messageOf(code) }
		])
	);
}

/** Whether trying the same again can help after an error with this code. */
export function isRetryable(code: DenialCode): boolean {
	return RETRYABLE.test(code);
}

/** The HTTP status that goes with a code; 403 for an app's own codes. */
export function statusOf(code: DenialCode): number {
	return Object.hasOwn(TABLE, code) ? TABLE[code as KnownCode].status : 403;
}

/** A refusal, returned by a gate. */
export interface Denial {
	readonly denied: true;
	readonly code: DenialCode;
	readonly reason: string;
	/** Milliseconds after which trying again can help. */
	readonly retryAfter?: number | undefined;
}

/**
 * Refuses, as the answer of a gate.
 *
 * @param reason Shown to the client. @default the sentence of the code's table row
 * @param retryAfter Milliseconds after which trying again can help.
 */
export function deny(code: DenialCode, reason?: string, retryAfter?: number): Denial {
	const denial = { denied: true, code, reason: reason ?? messageOf(code) } as const;
	return retryAfter === undefined ? denial : { ...denial, retryAfter };
}

/** The sentence that goes with a code. */
export function messageOf(code: DenialCode): string {
	if (Object.hasOwn(CLIENT_SENTENCES, code)) return CLIENT_SENTENCES[code as never];
	if (!Object.hasOwn(TABLE, code)) return code;
	const row: { status: number; message?: string } = TABLE[code as KnownCode];
	return row.message ?? code;
}

/** The codes of closing that a client acts on, apart: a page that names `CLOSE` loads all of it. */
export const CLOSE_NORMAL = 1000;
export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_RESTART = 1012;
export const CLOSE_TRY_LATER = 1013;
export const CLOSE_REAUTHENTICATE = 4401;
export const CLOSE_PROTOCOL = 4500;
export const CLOSE_UNAUTHENTICATED = 4501;
export const CLOSE_FORBIDDEN = 4503;

/**
 * Codes of closing. Our own follow centrifuge's ranges: after 4000–4499 a client reconnects,
 * after 4500–4999 it does not; of the standard ones, a client reconnects after all.
 */
export const CLOSE = {
	NORMAL: CLOSE_NORMAL,
	GOING_AWAY: CLOSE_GOING_AWAY,
	/** A message was larger than `limits.message`. */
	TOO_LARGE: 1009,
	/** The server has an error of its own. */
	INTERNAL: 1011,
	/** The server restarts or shuts down; come back. */
	RESTART: CLOSE_RESTART,
	/** The client is too slow, or the server is full; come back later. */
	TRY_LATER: CLOSE_TRY_LATER,
	/** This instance ends, and others serve on: come back at once. */
	ELSEWHERE: 4000,
	/** The identity of the connection is over; come back with a fresh one. */
	REAUTHENTICATE: CLOSE_REAUTHENTICATE,
	/** The client does not keep to the protocol. */
	PROTOCOL: CLOSE_PROTOCOL,
	/** The server refuses who the client says it is; come back as somebody else. */
	UNAUTHENTICATED: CLOSE_UNAUTHENTICATED,
	/** The client must not come back. */
	FORBIDDEN: CLOSE_FORBIDDEN
} as const;

/** Whether a client should connect again after being closed with `code`. */
export function willReconnect(code: number): boolean {
	return code < 4500 || code > 4999;
}

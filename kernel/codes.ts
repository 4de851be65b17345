/** The codes that a client can meet: denials and errors in frames, and codes of closing. */

/** What each code means, the HTTP status of a refused upgrade, and whether trying again can help. */
const TABLE = {
	INVALID_REQUEST: { status: 400, retryable: false, message: 'The request is not well formed.' },
	VALIDATION: { status: 400, retryable: false, message: 'The input is not valid.' },
	INVALID_TOPIC: { status: 400, retryable: false, message: 'The topic name is not valid.' },
	UNAUTHENTICATED: { status: 401, retryable: false, message: 'Sign in first.' },
	FORBIDDEN: { status: 403, retryable: false, message: 'Access denied.' },
	NOT_FOUND: { status: 404, retryable: false, message: 'There is no such function.' },
	CONFLICT: { status: 409, retryable: false, message: 'The request conflicts with another one.' },
	PAYLOAD_TOO_LARGE: { status: 413, retryable: false, message: 'The message is too large.' },
	RATE_LIMITED: { status: 429, retryable: true, message: 'Too many requests.' },
	INTERNAL_ERROR: { status: 500, retryable: false, message: 'Internal server error.' },
	SERVICE_UNAVAILABLE: { status: 503, retryable: true, message: 'The service is not available.' },
	TIMED_OUT_GUARD: { status: 504, retryable: true, message: 'The check took too long.' },
	TIMEOUT: { status: 504, retryable: true, message: 'No answer in time.' },
	DISCONNECTED: { status: 503, retryable: true, message: 'The connection was lost.' },
	CONNECTION_CLOSED: { status: 503, retryable: false, message: 'The connection is closed.' },
	QUEUE_FULL: { status: 503, retryable: true, message: 'The send queue is full.' },
	STALE: { status: 409, retryable: false, message: 'The call waited for too long.' },
	UNKNOWN_OUTCOME: {
		status: 500,
		retryable: false,
		message: 'Whether the call has run cannot be known.'
	}
} as const;

/** A code of the table above; an app may use codes of its own beside them. */
export type KnownCode = keyof typeof TABLE;
export type DenialCode = KnownCode | (string & {});

export const CODES: Readonly<
	Record<string, { status: number; retryable: boolean; message: string }>
> = TABLE;

/** The HTTP status that goes with a code; 403 for an app's own codes. */
export function statusOf(code: DenialCode): number {
	return Object.hasOwn(TABLE, code) ? TABLE[code as KnownCode].status : 403;
}

/** A refusal, returned by a gate. */
export interface Denial {
	readonly denied: true;
	readonly code: DenialCode;
	readonly reason: string;
}

/**
 * Refuses, as the answer of a gate.
 *
 * @param reason Shown to the client. @default the sentence of the code's table row
 */
export function deny(code: DenialCode, reason?: string): Denial {
	return { denied: true, code, reason: reason ?? messageOf(code) };
}

/** The sentence that goes with a code. */
export function messageOf(code: DenialCode): string {
	return Object.hasOwn(TABLE, code) ? TABLE[code as KnownCode].message : code;
}

/**
 * Codes of closing. Our own follow centrifuge's ranges: after 4000–4499 a client reconnects,
 * after 4500–4999 it does not; of the standard ones, a client reconnects after all.
 */
export const CLOSE = {
	NORMAL: 1000,
	GOING_AWAY: 1001,
	/** A message was larger than `limits.message`. */
	TOO_LARGE: 1009,
	/** The server has an error of its own. */
	INTERNAL: 1011,
	/** The server restarts or shuts down; come back. */
	RESTART: 1012,
	/** The client is too slow, or the server is full; come back later. */
	TRY_LATER: 1013,
	/** The identity of the connection is over; come back with a fresh one. */
	REAUTHENTICATE: 4401,
	/** The client does not keep to the protocol. */
	PROTOCOL: 4500,
	/** The client must not come back. */
	FORBIDDEN: 4503
} as const;

/** Whether a client should connect again after being closed with `code`. */
export function willReconnect(code: number): boolean {
	return code < 4500 || code > 4999;
}

/** SvelteKit's errors and answers, in the words of a client of the socket. */

import { deny, statusOf, type Denial, type KnownCode } from '../../kernel/codes.ts';
import { isLiveError, LiveError, toWireError } from '../../kernel/live-error.ts';
import type { Answered } from './visit.ts';

/** SvelteKit's own tests: what merely looks like one of its errors is none. */
export interface KitErrorTests {
	isHttpError(error: unknown): boolean;
	isRedirect(error: unknown): boolean;
	/** Throws one. @default what a page fails with stays as it is */
	error?(status: number, body: { message: string }): never;
}

export interface KitErrors {
	/** What a client is told of an `error(…)` or a `redirect(…)`; undefined for anything else. */
	read(error: unknown): LiveError | undefined;
	/**
	 * What a page that is rendered fails with: one of SvelteKit's errors, so that its status and what is
	 * to be known of it reach the visitor. It goes on being the LiveError that it was.
	 */
	forPage(error: unknown): unknown;
}

const CODES: Readonly<Record<number, KnownCode>> = {
	401: 'UNAUTHENTICATED',
	403: 'FORBIDDEN',
	404: 'NOT_FOUND',
	409: 'CONFLICT',
	413: 'PAYLOAD_TOO_LARGE',
	422: 'VALIDATION',
	429: 'RATE_LIMITED',
	502: 'SERVICE_UNAVAILABLE',
	503: 'SERVICE_UNAVAILABLE',
	504: 'SERVICE_UNAVAILABLE'
};

/** @param testsOf As they are at the moment; without them, no error is one of SvelteKit's. */
export function kitErrors(testsOf: () => KitErrorTests | undefined): KitErrors {
	return {
		read(error) {
			const tests = testsOf();
			if (tests?.isHttpError(error)) {
				const { status, body } = error as { status: number; body: { message?: string } };
				return new LiveError(codeOf(status), body.message, { body });
			}
			if (!tests?.isRedirect(error)) return undefined;
			const { location } = error as { location: string };
			return new LiveError('REDIRECT', undefined, { location });
		},
		forPage(error) {
			const tests = testsOf();
			if (!tests?.error || !isLiveError(error) || tests.isHttpError(error)) return error;
			const wire = toWireError(error);
			try {
				return tests.error(statusOf(error.code), wire);
			} catch (thrown) {
				return Object.defineProperties(thrown, {
					...Object.getOwnPropertyDescriptors(error),
					body: { value: wire, enumerable: true }
				});
			}
		}
	};
}

function codeOf(status: number): KnownCode {
	return CODES[status] ?? (status < 500 ? 'INVALID_REQUEST' : 'INTERNAL_ERROR');
}

/**
 * What a visitor is told whose request `handle` has answered by itself.
 *
 * @param now Milliseconds since the epoch, for a `retry-after` that is a date.
 */
export function denialOf({ status, headers }: Answered, now: number): Denial {
	if (status >= 300 && status < 400) return deny('UNAUTHENTICATED');
	const code = CODES[status];
	if (code === 'SERVICE_UNAVAILABLE' || code === 'RATE_LIMITED') {
		return deny(code, undefined, retryAfter(headers.get('retry-after'), now));
	}
	if (code === 'UNAUTHENTICATED' || code === 'FORBIDDEN') return deny(code);
	return deny(status === 400 ? 'INVALID_REQUEST' : 'INTERNAL_ERROR');
}

/** HTTP says seconds, or a date. */
function retryAfter(header: string | null, now: number): number | undefined {
	if (header === null) return undefined;
	if (/^\d+$/.test(header)) return Number(header) * 1000;
	const date = Date.parse(header);
	return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

export function refusalOf({ code, reason, retryAfter }: Denial): LiveError {
	return new LiveError(code, reason, retryAfter === undefined ? {} : { retryAfter });
}

/** Asking over HTTP before each upgrade: the answer can set cookies where the one to an upgrade cannot. */

import { preflightPath } from '../../kernel/asking.ts';
import { endpoint } from '../../kernel/client/configure.ts';
import type { ClientKernel, Closed } from '../../kernel/client/index.ts';
import { CLOSE_FORBIDDEN, CLOSE_UNAUTHENTICATED, isRetryable } from '../../kernel/codes.ts';

/** Milliseconds, as long as a handshake may take. */
const TIME = 15_000;
/** What a socket that ended without a close frame reports. */
const ABNORMAL = 1006;

/** What is being asked, by address: attempts at the same time ask once. */
const running = new Map<string, Promise<undefined>>();

/**
 * Asks, and goes on where the server lets this page in.
 *
 * @param path Of the question; `true` for the one beside the socket.
 * @throws with `lost`, which tells the connection how it has ended.
 */
export function preflight(kernel: ClientKernel, path: string | true): Promise<undefined> {
	const url = addressOf(endpoint(kernel.options).url, path);
	let asked = running.get(url);
	if (!asked) {
		asked = ask(url, kernel).finally(() => running.delete(url));
		running.set(url, asked);
	}
	return asked;
}

/** @param socket Address of the WebSocket. */
export function addressOf(socket: string, path: string | true): string {
	const { origin, pathname, search } = new URL(socket.replace(/^ws/, 'http'));
	return new URL(path === true ? preflightPath(pathname) + search : path, origin).href;
}

async function ask(url: string, { clock }: ClientKernel): Promise<undefined> {
	const time = new AbortController();
	const cancel = clock.after(TIME, () => time.abort());
	let closed: Closed | undefined = { code: ABNORMAL, reason: '' };
	try {
		const response = await fetch(url, {
			method: 'POST',
			credentials: 'include',
			cache: 'no-store',
			redirect: 'error',
			signal: time.signal
		});
		closed = response.ok ? undefined : await closedBy(response);
	} catch {
		// Nobody is there, or the time is up: the usual waits are all there is to do.
	} finally {
		cancel();
	}
	if (!closed) return;
	const { code, reason, refused } = closed;
	throw Object.assign(new Error(reason), { lost: [code, reason, undefined, refused] });
}

/** What a page of the app's own says that is none of ours. */
const CODES: Readonly<Record<number, string>> = {
	401: 'UNAUTHENTICATED',
	404: 'NOT_FOUND',
	408: 'TIMEOUT',
	429: 'RATE_LIMITED'
};

/** How the connection ends with this answer: for good, unless waiting can help. */
async function closedBy(response: Response): Promise<Closed> {
	const { status } = response;
	const said = ((await response.json().catch(() => null)) ?? {}) as Partial<Closed['refused']> &
		object;
	const isOver = status < 500;
	const fallback = CODES[status] ?? (isOver ? 'FORBIDDEN' : 'SERVICE_UNAVAILABLE');
	const { code = fallback, reason = response.statusText } = said;
	// HTTP counts in seconds.
	const { retryAfter = Number(response.headers.get('retry-after') ?? 0) * 1000 } = said;
	const refused = { code, reason, ...(retryAfter > 0 && { retryAfter }) };
	if (!isOver || isRetryable(code)) return { code: ABNORMAL, reason: '', refused };
	return { code: status === 401 ? CLOSE_UNAUTHENTICATED : CLOSE_FORBIDDEN, reason, refused };
}

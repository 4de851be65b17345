/** Finding out anew, on an open connection, who it is. */

import {
	chain,
	CLOSE,
	encode,
	isRetryable,
	readToken,
	statusOf,
	subprotocols,
	type Clock,
	type Connection,
	type ConnectionData,
	type Denial,
	type MaybePromise,
	type UpgradeRequest
} from 'svelte-realtime/kernel';
import type {} from './frames.ts';

export interface RenewalsOptions {
	readonly clock: Clock;
	/** Milliseconds from the question to the gates' answer. */
	readonly grace: number;
	/** What the connection came with; undefined where it is not kept. */
	readonly requestOf: (connection: Connection) => UpgradeRequest | undefined;
	/** Whether the request says who it is: not where the app has said so itself, later. */
	readonly isOfRequest: (connection: Connection) => boolean;
	readonly stamp: () => number;
	/** Runs the gates. */
	readonly identify: (request: UpgradeRequest) => MaybePromise<Connection | Denial>;
	/** Takes over what they have found, unless it was revoked after `stamp`. */
	readonly found: (connection: Connection, data: ConnectionData, stamp: number) => void;
}

interface Renewal {
	/** Of the question; 0 where the client has no token, and is not asked. */
	readonly ask: number;
	readonly request: UpgradeRequest;
	/** From here on revocations count. */
	readonly stamp: number;
	readonly cancel: () => void;
	isAnswered: boolean;
	/** Wanted once more, for a reason that came after it had begun. */
	isWantedAgain: boolean;
}

const PROTOCOL = 'sec-websocket-protocol';
const COME_BACK = 'Who you are has to be said anew.';

export class Renewals {
	readonly #options: RenewalsOptions;
	readonly #running: Map<Connection, Renewal> = new Map();
	#asked: number = 0;

	constructor(options: RenewalsOptions) {
		this.#options = options;
	}

	/**
	 * Asks a client that has shown a token for the one of now, and the gates about it, or about the
	 * cookies that the connection came with. One that cannot be asked comes back and is asked then.
	 */
	begin(connection: Connection): void {
		const { clock, grace, requestOf, isOfRequest, stamp } = this.#options;
		const running = this.#running.get(connection);
		if (running) {
			running.isWantedAgain = true;
			return;
		}
		if (!connection.isOpen) return;
		const request = requestOf(connection);
		const hasToken = readToken(request?.headers[PROTOCOL]) !== undefined;
		if (request === undefined || !(hasToken || isOfRequest(connection)))
			return comeBack(connection);
		const renewal: Renewal = {
			ask: hasToken ? (this.#asked += 1) : 0,
			request,
			stamp: stamp(),
			cancel: clock.after(grace, () => {
				this.cancel(connection);
				comeBack(connection);
			}),
			isAnswered: false,
			isWantedAgain: false
		};
		this.#running.set(connection, renewal);
		if (hasToken) connection.answer(encode({ type: 'identity:ask', ask: renewal.ask }));
		else this.#judge(connection, renewal, request);
	}

	/** A client has answered; what nobody has asked for is ignored. */
	answer(connection: Connection, { ask, token }: Readonly<Record<string, unknown>>): void {
		const renewal = this.#running.get(connection);
		if (!renewal || renewal.ask === 0 || renewal.ask !== ask || renewal.isAnswered) return;
		if (token !== undefined && token !== null && typeof token !== 'string') return;
		renewal.isAnswered = true;
		const { [PROTOCOL]: _, ...headers } = renewal.request.headers;
		const shown = subprotocols(token)?.join(', ');
		this.#judge(connection, renewal, {
			...renewal.request,
			headers: shown === undefined ? headers : { ...headers, [PROTOCOL]: shown }
		});
	}

	/** Whatever is on its way is not wanted any more. */
	cancel(connection: Connection): void {
		this.#running.get(connection)?.cancel();
		this.#running.delete(connection);
	}

	#judge(connection: Connection, renewal: Renewal, request: UpgradeRequest): void {
		void chain(this.#options.identify(request), (verdict) => {
			if (this.#running.get(connection) !== renewal) return;
			this.cancel(connection);
			if (!connection.isOpen) return;
			if ('denied' in verdict) return turnAway(connection, verdict, request);
			this.#options.found(connection, verdict.data, renewal.stamp);
			if (renewal.isWantedAgain && !this.#running.has(connection)) this.begin(connection);
		});
	}
}

/** Ends a connection whose client then connects anew, with the cookies and the token of then. */
export function comeBack(connection: Connection, reason: string = COME_BACK): void {
	connection.close(CLOSE.REAUTHENTICATE, reason);
}

function turnAway(connection: Connection, denial: Denial, { headers }: UpgradeRequest): void {
	const { code, reason } = denial;
	// A fault of the server, which may be over when they come back, spread over a while.
	if (isRetryable(code) || statusOf(code) >= 500) connection.close(CLOSE.TRY_LATER, reason);
	// The token is the one of now; cookies are those of then, and there may be others.
	else if (readToken(headers[PROTOCOL]) === undefined) comeBack(connection);
	else connection.close(CLOSE.UNAUTHENTICATED, reason);
}

/** One socket of uWebSockets.js, for as long as the native one lives and after. */

import type { WebSocket } from 'uWebSockets.js';
import type { ConnectionData } from '../../kernel/contexts.ts';
import type { Payload, SendStatus, TransportHost } from '../../kernel/transport.ts';
import type { Home } from './homes.ts';
import { Seat } from './seat.ts';

/** User data of a native socket; of its keys only strings survive the upgrade. */
export interface Seated {
	/** What the gates have left. */
	readonly data: ConnectionData;
	/** From when it is open. */
	seat: UwsSocket;
}

/** A topic that nobody publishes to: no name of a topic may hold a control character. */
const ANCHOR = '\u0000';

/** What `send` answers, by the number that uWebSockets.js returns. */
const STATUS: readonly SendStatus[] = ['queued', 'sent', 'dropped'];

type Native = Pick<
	WebSocket<Seated>,
	'send' | 'subscribe' | 'unsubscribe' | 'isSubscribed' | 'getBufferedAmount' | 'cork' | 'end'
>;

/** Stands for a native socket that is gone: that one throws, or ends the process. */
const GONE: Native = {
	send: () => STATUS.indexOf('dropped'),
	subscribe: () => false,
	unsubscribe: () => false,
	isSubscribed: () => false,
	getBufferedAmount: () => 0,
	cork(work) {
		work();
		return this as WebSocket<Seated>;
	},
	end: () => {}
};

export class UwsSocket extends Seat {
	#ws: Native;
	readonly #home: Home;
	#isAnchored = false;

	constructor(host: TransportHost, ws: WebSocket<Seated>, home: Home) {
		super(host);
		this.#ws = ws;
		this.#home = home;
	}

	override send(payload: Payload): SendStatus {
		return STATUS[this.#ws.send(payload, typeof payload !== 'string', false)] ?? 'dropped';
	}

	override subscribe(topic: string): void {
		this.#ws.subscribe(topic);
	}

	override unsubscribe(topic: string): void {
		// A native socket that leaves its last topic loses what this turn has published to it so far.
		if (!this.#isAnchored) this.#isAnchored = this.#ws.subscribe(ANCHOR);
		this.#ws.unsubscribe(topic);
	}

	override publish(topic: string, payload: Payload): boolean {
		// A native socket that follows nothing publishes to nobody; and who does not follow the topic
		// need not be left out.
		const isFollower = this.#ws.isSubscribed(topic);
		return this.#home.publish(
			topic,
			payload,
			isFollower ? (this.#ws as WebSocket<Seated>) : undefined
		);
	}

	override get bufferedBytes(): number {
		return this.#ws.getBufferedAmount();
	}

	override cork(work: () => void): void {
		let failure: { readonly error: unknown } | undefined;
		this.#ws.cork(() => {
			try {
				work();
			} catch (error) {
				// Not to be thrown through native code.
				failure = { error };
			}
		});
		if (failure) throw failure.error;
	}

	override close(code: number, reason: string): void {
		const ws = this.#ws;
		this.#ws = GONE;
		// `close()` of the native socket takes no code, and its client would see 1006.
		ws.end(code, reason);
		this.ended(code, reason);
	}

	/** The native socket has ended, by itself or within `close`. */
	gone(code: number, reason: string): void {
		this.#ws = GONE;
		this.left(code, reason);
	}
}

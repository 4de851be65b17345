/** A connection as plugins see it: safe to use at any time, also long after it is gone. */

import { CLOSE_TRY_LATER } from './codes.ts';
import type { ConnectionData } from './contexts.ts';
import type { Payload, SendStatus, Socket } from './transport.ts';
import type { Wish } from './wish.ts';

export interface Connection {
	/** Unique among all connections of all instances. */
	readonly id: string;
	/** What the `upgrade` gates left. */
	readonly data: ConnectionData;
	readonly isOpen: boolean;
	/** Bytes that wait in the send buffer; 0 once closed. */
	readonly bufferedBytes: number;
	/** Frames that were dropped: over the send buffer, or sent after the end. */
	readonly dropped: number;
	/**
	 * How often the send buffer has filled and emptied again. In each of these episodes frames of
	 * topics may have been dropped too, which nobody counts one by one.
	 */
	readonly slowEpisodes: number;
	/** Aborts when the connection closes. */
	readonly signal: AbortSignal;
	/** Sends a frame that is encoded already. */
	send(payload: Payload): SendStatus;
	/**
	 * Sends what somebody waits for: it is not dropped, but waits until the send buffer has drained.
	 *
	 * Where more than `limits.sendBuffer` characters wait, the connection is closed with TRY_LATER: its
	 * client then asks again on the next one, instead of never being answered.
	 */
	answer(payload: Payload): void;
	/** Groups what `work` sends into as few packets as the transport can. */
	cork(work: () => void): void;
	/**
	 * Closes. Nothing is sent afterwards; `close` hooks run when the transport reports the end.
	 *
	 * @param reason Cut to 123 bytes, which is what a close frame holds.
	 */
	close(code: number, reason?: string): void;
}

/** How much may wait for each connection, and who hears that more did. */
export interface SendRoom {
	/** Bytes in the send buffer, and once more characters of answers that find no room in it. */
	readonly limit: number;
	/** Hears of each frame that the send buffer had no room for. */
	full(connection: SocketConnection): void;
}

/** What few connections ever have. */
class Rarities {
	dropped: number = 0;
	slowEpisodes: number = 0;
	/** Answers that the send buffer had no room for, and their characters. */
	waiting: Payload[] | undefined = undefined;
	waitingSize: number = 0;
	abort: AbortController | undefined = undefined;
	/** Topic → its notices that still run, so that they keep their order. */
	notices: Map<string, Promise<void>> | undefined = undefined;
}

/**
 * The kernel's side of a connection: the only holder of the raw socket.
 *
 * There are tens of thousands of them, and most do nothing: a field takes 8 bytes in each.
 */
export class SocketConnection implements Connection {
	readonly id: string;
	readonly data: ConnectionData;
	/** What it follows, the first of a list. */
	followed: Wish | undefined = undefined;
	#socket: Socket | undefined;
	readonly #room: SendRoom | undefined;
	#state: 'open' | 'closing' | 'gone' = 'open';
	/** Made when first needed; made here and not by a private method, which would take a field as well. */
	#rarities: Rarities | undefined = undefined;

	/** @param socket Absent for a visitor whose page is rendered: nothing can be sent to it. */
	constructor(id: string, data: ConnectionData, socket: Socket | undefined, room?: SendRoom) {
		this.id = id;
		this.data = data;
		this.#socket = socket;
		this.#room = room;
	}

	get isOpen(): boolean {
		return this.#socket !== undefined && this.#state === 'open';
	}

	get bufferedBytes(): number {
		return this.#socket?.bufferedBytes ?? 0;
	}

	get dropped(): number {
		return this.#rarities?.dropped ?? 0;
	}

	get slowEpisodes(): number {
		return this.#rarities?.slowEpisodes ?? 0;
	}

	get notices(): Map<string, Promise<void>> | undefined {
		return this.#rarities?.notices;
	}

	get signal(): AbortSignal {
		const rare = (this.#rarities ??= new Rarities());
		if (rare.abort === undefined) {
			rare.abort = new AbortController();
			if (this.#state === 'gone') rare.abort.abort();
		}
		return rare.abort.signal;
	}

	/** Keeps a topic's notices in order. */
	holdNotices(topic: string, notices: Promise<void>): void {
		((this.#rarities ??= new Rarities()).notices ??= new Map()).set(topic, notices);
	}

	send(payload: Payload): SendStatus {
		if (this.#socket === undefined || this.#state !== 'open') {
			(this.#rarities ??= new Rarities()).dropped += 1;
			return 'dropped';
		}
		const status = this.#socket.send(payload);
		if (status === 'dropped') {
			(this.#rarities ??= new Rarities()).dropped += 1;
			this.#room?.full(this);
		}
		return status;
	}

	answer(payload: Payload): void {
		if (this.#socket === undefined || this.#state !== 'open') {
			(this.#rarities ??= new Rarities()).dropped += 1;
			return;
		}
		if (this.#rarities?.waiting === undefined && this.#socket.send(payload) !== 'dropped') return;
		this.#room?.full(this);
		const rare = (this.#rarities ??= new Rarities());
		if (rare.waitingSize > (this.#room?.limit ?? Infinity)) {
			return this.close(CLOSE_TRY_LATER, 'Too many answers wait to be read.');
		}
		(rare.waiting ??= []).push(payload);
		rare.waitingSize += payload.length;
	}

	/** The send buffer has drained: sends the answers that wait, as many as it has room for. */
	drained(): void {
		const rare = (this.#rarities ??= new Rarities());
		rare.slowEpisodes += 1;
		const { waiting } = rare;
		if (waiting === undefined || this.#socket === undefined) return;
		let sent = 0;
		while (sent < waiting.length && this.#socket.send(waiting[sent]!) !== 'dropped') {
			rare.waitingSize -= waiting[sent]!.length;
			sent += 1;
		}
		if (sent === waiting.length) rare.waiting = undefined;
		else waiting.splice(0, sent);
	}

	cork(work: () => void): void {
		if (this.#socket === undefined || this.#state !== 'open') work();
		else this.#socket.cork(work);
	}

	close(code: number, reason: string = ''): void {
		if (this.#socket === undefined || this.#state !== 'open') return;
		this.#state = 'closing';
		if (this.#rarities !== undefined) this.#rarities.waiting = undefined;
		this.#socket.close(code, cut(reason, 123));
	}

	/** Everyone who follows `topic` but this connection; everyone, once it is gone. */
	publishToOthers(topic: string, payload: Payload): boolean | undefined {
		return this.#state !== 'open' ? undefined : this.#socket?.publish(topic, payload);
	}

	follow(topic: string): boolean {
		if (this.#socket === undefined || this.#state !== 'open') return false;
		this.#socket.subscribe(topic);
		return true;
	}

	unfollow(topic: string): void {
		if (this.#state === 'open') this.#socket?.unsubscribe(topic);
	}

	/** The socket is gone: from here on everything is a no-op that is counted. */
	detach(): void {
		this.#socket = undefined;
		if (this.#rarities !== undefined) this.#rarities.waiting = undefined;
		this.#state = 'gone';
		this.#rarities?.abort?.abort();
	}
}

function cut(text: string, bytes: number): string {
	const encoded = new TextEncoder().encode(text);
	if (encoded.byteLength <= bytes) return text;
	// A character that is cut in half decodes to one replacement character, which may not fit.
	return new TextDecoder().decode(encoded.subarray(0, bytes)).replace(/\ufffd+$/, '');
}

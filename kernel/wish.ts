/** One wish of a connection to follow a topic, from asking to leaving. */

import type { Denial } from './codes.ts';
import type { Connection, SocketConnection } from './connection.ts';
import type { Position } from './contexts.ts';
import type { Subscription } from './subscriptions.ts';
import { isThenable } from './run.ts';
import type { MaybePromise } from './transport.ts';
import type { Variant } from './variants.ts';

/** Whoever asks for topics. */
export class Asker {
	/** By connection, how much has been asked for that is neither entered nor left. */
	readonly open: WeakMap<Connection, number> = new WeakMap();

	opened(connection: Connection): void {
		this.open.set(connection, (this.open.get(connection) ?? 0) + 1);
	}

	settled(connection: Connection): void {
		const left = this.open.get(connection)! - 1;
		if (left > 0) this.open.set(connection, left);
		else this.open.delete(connection);
	}

	/** Whether a connection asks for topics through it, or follows some. */
	asksFor(connection: Connection): boolean {
		if (this.open.has(connection)) return true;
		let wish = (connection as SocketConnection).followed;
		while (wish !== undefined && wish.asker !== this) wish = wish.next;
		return wish !== undefined;
	}
}

/** What enters and leaves topics for all wishes. */
export interface WishHost {
	/** @returns whether the connection follows the wish's native topic. */
	enter(wish: Wish, since: Position | undefined, variant: Variant | undefined): boolean;
	leave(wish: Wish): void;
}

/**
 * A wish. Each is a thing of its own, so one that is left before it was entered can never be entered:
 * a late subscribe does not beat an unsubscribe.
 *
 * Those that are entered are a list that begins at their connection. Most connections have one or two,
 * for which any table of them would take more memory than they do. A private method would take some in
 * each as well.
 */
export class Wish implements Subscription {
	readonly topic: string;
	readonly connection: SocketConnection;
	readonly verdict: MaybePromise<Denial | undefined>;
	readonly asker: Asker;
	/** The native topic; another than the topic where it is a variant of that. */
	name: string;
	/** The next one that its connection follows. */
	next: Wish | undefined = undefined;
	#state: 'asked' | 'granted' | 'entered' | 'left' = 'asked';
	#since: Position | undefined;
	readonly #host: WishHost;

	constructor(
		host: WishHost,
		{
			connection,
			topic,
			since
		}: Pick<Wish, 'connection' | 'topic'> & { since: Position | undefined },
		verdict: MaybePromise<Denial | undefined>,
		asker: Asker
	) {
		this.topic = this.name = topic;
		this.connection = connection;
		this.verdict = verdict;
		this.asker = asker;
		this.#since = since;
		this.#host = host;
		if (verdict === undefined) this.#state = 'granted';
		asker.opened(connection);
		if (!isThenable(verdict)) return;
		void verdict.then((denial) => {
			if (denial === undefined && this.#state === 'asked') this.#state = 'granted';
		});
	}

	enter(variant?: Variant): boolean {
		if (this.#state !== 'granted') return this.#state === 'entered';
		this.name = variant?.topic ?? this.topic;
		return this.#host.enter(this, this.#since, variant);
	}

	/** It is among those that the connection follows. */
	entered(): void {
		this.#state = 'entered';
		this.#since = undefined;
		this.asker.settled(this.connection);
	}

	leave(): void {
		const state = this.#state;
		this.#state = 'left';
		if (state === 'entered') this.#host.leave(this);
		else if (state !== 'left') this.asker.settled(this.connection);
	}

	/** The connection is gone, and whatever it follows with it. */
	end(): void {
		this.#state = 'left';
		this.next = undefined;
	}
}

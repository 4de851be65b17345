/** What this instance has to tell the store: gathered by topic, so that a crowd is one change. */

import { chain, isThenable, type Clock, type MaybePromise } from 'svelte-realtime/kernel';
import type { Member, PresenceStore } from './port.ts';

export interface OutboxOptions {
	readonly store: PresenceStore;
	readonly clock: Clock;
	/** Milliseconds between two changes of one topic. */
	readonly interval: number;
	readonly report: (error: unknown) => void;
	/** The store does not have what this instance has put. */
	readonly lost: () => void;
}

interface Box {
	readonly topic: string;
	/** By key, the newest of each: a member, or `null` for one that is gone. */
	pending: Map<string, Member | null>;
	/** Keys that the store has, or may have, of this instance. */
	stored: Set<string>;
	isScheduled: boolean;
	/** The store has been told something less than `interval` ago. */
	isResting: boolean;
	/** The store did not take what waits: it is told again with something new, or by `flushAll`. */
	hasFailed: boolean;
	/** What the store has not answered yet. */
	running: Promise<void> | undefined;
}

/**
 * The first change of a topic goes out at the end of the microtask that made it; those within
 * `interval` of it go out together when that is over.
 */
export class Outbox {
	readonly #options: OutboxOptions;
	readonly #boxes: Map<string, Box> = new Map();

	constructor(options: OutboxOptions) {
		this.#options = options;
	}

	/** @param member `null` when this instance does not have it any more. */
	put(topic: string, key: string, member: Member | null): void {
		let box = this.#boxes.get(topic);
		if (box === undefined) {
			box = {
				topic,
				pending: new Map(),
				stored: new Set(),
				isScheduled: false,
				isResting: false,
				hasFailed: false,
				running: undefined
			};
			this.#boxes.set(topic, box);
		}
		// Who has come and gone in between is nobody's news.
		if (member === null && !box.stored.has(key)) box.pending.delete(key);
		else box.pending.set(key, member);
		box.hasFailed = false;
		this.#schedule(box);
	}

	/** Tells the store at once what waits of a topic. */
	flush(topic: string): MaybePromise<void> {
		const box = this.#boxes.get(topic);
		return box && this.#flush(box);
	}

	/** Tells the store at once what waits: at the end, or after it has failed. */
	async flushAll(): Promise<void> {
		await Promise.all([...this.#boxes.values()].map((box) => this.#flush(box)));
	}

	#schedule(box: Box): void {
		if (box.isScheduled || box.isResting) return;
		box.isScheduled = true;
		queueMicrotask(() => {
			box.isScheduled = false;
			void this.#flush(box);
		});
	}

	#flush(box: Box): MaybePromise<void> {
		if (box.running) return box.running.then(() => this.#flush(box));
		const puts = [...box.pending.values()].filter((member) => member !== null);
		const removes = [...box.pending].flatMap(([key, member]) => (member === null ? [key] : []));
		box.pending = new Map();
		if (puts.length + removes.length === 0) return this.#discard(box);
		this.#rest(box);
		for (const key of removes) box.stored.delete(key);
		for (const { key } of puts) box.stored.add(key);
		return chain(this.#apply(box, puts, removes), () => this.#discard(box));
	}

	#apply(box: Box, puts: readonly Member[], removes: readonly string[]): MaybePromise<void> {
		const { store, lost } = this.#options;
		const fail = (error: unknown): void => {
			this.#options.report(error);
			box.hasFailed = true;
			// Whether it happened is not known: it is told again, unless there is something newer.
			for (const key of removes) box.stored.add(key);
			for (const member of puts) keep(box.pending, member.key, member);
			for (const key of removes) keep(box.pending, key, null);
		};
		try {
			const applied = store.apply(box.topic, { puts, removes });
			const answered = (isKnown: boolean): void => {
				if (!isKnown) lost();
			};
			if (!isThenable(applied)) return answered(applied as boolean);
			box.running = Promise.resolve(applied)
				.then(answered, fail)
				.finally(() => (box.running = undefined));
			return box.running;
		} catch (error) {
			fail(error);
		}
	}

	#rest(box: Box): void {
		const { clock, interval } = this.#options;
		if (interval === 0 || box.isResting) return;
		box.isResting = true;
		clock.after(interval, () => {
			box.isResting = false;
			if (!box.hasFailed) void chain(this.#flush(box), () => this.#discard(box));
		});
	}

	#discard(box: Box): void {
		const isIdle = !box.isScheduled && !box.isResting && !box.running;
		const isEmpty = box.pending.size === 0 && box.stored.size === 0;
		if (isIdle && isEmpty) this.#boxes.delete(box.topic);
	}
}

function keep<K, V>(map: Map<K, V>, key: K, value: V): void {
	if (!map.has(key)) map.set(key, value);
}

/** What throttle and debounce share: many publishes of one key become few, and its newest value goes out. */

import {
	isThenable,
	type Clock,
	type MaybePromise,
	type PublishOptions,
	type PublishResult
} from 'svelte-realtime/kernel';

/** The mark of frames that have been coalesced: whoever coalesces lets them pass. */
export const COALESCED: symbol = Symbol.for('svelte-realtime.coalesced');

/** Characters of a key; what has a longer one is published at once. */
const KEY = 256;
/** Characters of a topic, likewise: no topic of the kernel's is as long. */
const TOPIC = 512;

const DROPPED: PublishResult = { status: 'rejected', code: 'DROPPED' };
const INTERNAL: PublishResult = { status: 'rejected', code: 'INTERNAL_ERROR' };

/** Publishes like `ctx.publish`: it may be waited for, and does not throw. */
export type Publish = (
	topic: string,
	event: string,
	data?: unknown,
	options?: PublishOptions
) => MaybePromise<PublishResult>;

/** One publish that may wait. */
export interface Offer {
	readonly topic: string;
	readonly event: string;
	readonly data: unknown;
	/** Whose value it is. @default `data.key`, else `data.id`, else one for all */
	readonly key: string | number | undefined;
	readonly ms: number;
	/** Milliseconds after which silence is not waited for any longer; 0 waits for it. */
	readonly maxWait: number;
	readonly options: PublishOptions | undefined;
}

export interface CoalescerOptions {
	/** `leading`: the first goes out at once and opens a window. `silence`: none does before silence. */
	readonly mode: 'leading' | 'silence';
	readonly clock: Clock;
	readonly publish: Publish;
	/** Keys that can wait at once, and values. */
	readonly timers: number;
	/** Hears that there was no room. */
	limited(): void;
	report(error: unknown): void;
}

/** The newest value of one event of a key. */
interface Slot {
	data: unknown;
	options: PublishOptions | undefined;
	readonly result: Promise<PublishResult>;
	readonly settle: (result: MaybePromise<PublishResult>) => void;
}

/** One key of one topic. Its events keep their order: a `deleted` does not overtake an `updated`. */
interface Key {
	readonly topic: string;
	readonly name: string;
	ms: number;
	/** By event, in the order of their newest values. */
	slots: Map<string, Slot>;
	stopTimer: () => void;
	stopDeadline: (() => void) | undefined;
}

export class Coalescer {
	readonly #options: CoalescerOptions;
	readonly #topics: Map<string, Map<string, Key>> = new Map();
	#keys: number = 0;
	#values: number = 0;
	#isClosed: boolean = false;

	constructor(options: CoalescerOptions) {
		this.#options = options;
	}

	/** Values that wait. */
	get pending(): number {
		return this.#values;
	}

	/**
	 * Keeps a value for later, or answers `undefined`: the caller is to publish it now.
	 *
	 * The result is that of the publish that the value, or a newer one of its event and key, went out with.
	 */
	offer(offer: Offer): Promise<PublishResult> | undefined {
		const { topic, ms } = offer;
		if (ms === 0 || this.#isClosed || typeof topic !== 'string' || topic.length > TOPIC) return;
		const name = nameOf(offer);
		if (name.length > KEY) {
			this.#options.limited();
			return;
		}
		const known = this.#topics.get(topic)?.get(name);
		if (known !== undefined) return this.#keep(known, offer);
		const isLeading = this.#options.mode === 'leading';
		if ((isLeading ? this.#keys : this.#values) >= this.#options.timers) {
			this.#options.limited();
			return;
		}
		const key = this.#open(offer, name);
		return isLeading ? undefined : this.#keep(key, offer);
	}

	/** Publishes by `offer`, or at once. A publish that is refused at once opens no window. */
	publish(offer: Offer): MaybePromise<PublishResult> {
		const kept = this.offer(offer);
		if (kept !== undefined) return kept;
		const { topic, event, data, options } = offer;
		const result = this.#options.publish(topic, event, data, { ...options, mark: COALESCED });
		if ((result as { status?: string }).status === 'rejected') this.#forget(offer);
		return result;
	}

	/** Publishes what waits, of one topic or of all, and answers when that has its results. */
	async flush(topic?: string): Promise<void> {
		const results: Promise<unknown>[] = [];
		for (const key of this.#list(topic)) {
			if (key.slots.size === 0) continue;
			for (const { result } of key.slots.values()) results.push(result);
			this.#fire(key);
		}
		await Promise.all(results);
	}

	/** Drops what waits, of one topic or of all; windows stay open. */
	cancel(topic?: string): void {
		for (const key of this.#list(topic)) {
			for (const { settle } of this.#take(key)) settle(DROPPED);
			if (this.#options.mode === 'silence') this.#close(key);
		}
	}

	/** Publishes what waits; from here on everything is published at once. */
	async close(): Promise<void> {
		this.#isClosed = true;
		const flushed = this.flush();
		for (const key of this.#list()) this.#close(key);
		await flushed;
	}

	#list(topic?: string): Key[] {
		if (topic !== undefined) return [...(this.#topics.get(topic)?.values() ?? [])];
		return [...this.#topics.values()].flatMap((keys) => [...keys.values()]);
	}

	#open({ topic, ms, maxWait }: Offer, name: string): Key {
		const { clock, mode } = this.#options;
		const slots = new Map<string, Slot>();
		const key: Key = { topic, name, ms, slots, stopTimer: idle, stopDeadline: undefined };
		let keys = this.#topics.get(topic);
		if (keys === undefined) this.#topics.set(topic, (keys = new Map()));
		keys.set(name, key);
		this.#keys += 1;
		if (mode === 'leading') this.#wait(key);
		else if (maxWait > 0) key.stopDeadline = clock.after(maxWait, () => this.#fire(key));
		return key;
	}

	#wait(key: Key): void {
		key.stopTimer();
		key.stopTimer = this.#options.clock.after(key.ms, () => this.#fire(key));
	}

	#keep(key: Key, { event, data, ms, options }: Offer): Promise<PublishResult> | undefined {
		key.ms = ms;
		let slot = key.slots.get(event);
		if (slot === undefined) {
			if (this.#values >= this.#options.timers) {
				this.#options.limited();
				// What the key has goes first, so that its events keep their order.
				this.#send(key);
				return;
			}
			slot = emptySlot();
			this.#values += 1;
			key.slots.set(event, slot);
		} else if (key.slots.size > 1) {
			key.slots.delete(event);
			key.slots.set(event, slot);
		}
		slot.data = data;
		slot.options = options;
		if (this.#options.mode === 'silence') this.#wait(key);
		return slot.result;
	}

	/** The window is over, or silence has come. */
	#fire(key: Key): void {
		// What goes out now opens a window of its own, or the next value would follow on its heels.
		if (this.#options.mode === 'leading' && key.slots.size > 0) this.#wait(key);
		else this.#close(key);
		this.#send(key);
	}

	#send(key: Key): void {
		const { publish, report } = this.#options;
		const events = [...key.slots.keys()];
		const failed = (error: unknown): PublishResult => {
			report(error);
			return INTERNAL;
		};
		for (const [i, { data, options, settle }] of this.#take(key).entries()) {
			try {
				const result = publish(key.topic, events[i]!, data, { ...options, mark: COALESCED });
				settle(isThenable(result) ? Promise.resolve(result).catch(failed) : result);
			} catch (error) {
				settle(failed(error));
			}
		}
	}

	#take(key: Key): Slot[] {
		const slots = [...key.slots.values()];
		this.#values -= slots.length;
		key.slots = new Map();
		return slots;
	}

	#forget(offer: Offer): void {
		const key = this.#topics.get(offer.topic)?.get(nameOf(offer));
		if (key !== undefined && key.slots.size === 0) this.#close(key);
	}

	#close(key: Key): void {
		key.stopTimer();
		key.stopDeadline?.();
		const keys = this.#topics.get(key.topic);
		if (keys?.get(key.name) !== key) return;
		keys.delete(key.name);
		this.#keys -= 1;
		if (keys.size === 0) this.#topics.delete(key.topic);
	}
}

function idle(): void {}

function emptySlot(): Slot {
	let settle!: Slot['settle'];
	const result = new Promise<PublishResult>((resolve) => (settle = resolve));
	return { data: undefined, options: undefined, result, settle };
}

function nameOf({ key, data }: Offer): string {
	if (key !== undefined) return String(key);
	if (typeof data !== 'object' || data === null) return '';
	const { key: own, id } = data as { key?: unknown; id?: unknown };
	for (const name of [own, id]) {
		if (typeof name === 'string' || typeof name === 'number') return String(name);
	}
	return '';
}

/** A value that one instance works out for all of them, in a topic of the log that they share. */

import {
	isLiveError,
	LiveError,
	type Clock,
	type EncodedValue,
	type MaybePromise,
	type ValueCodec
} from 'svelte-realtime/kernel';
import type { ReplayLog, Tail } from 'svelte-realtime/plugins/replay';
import type { Feed } from 'svelte-realtime/plugins/streams';
import type { Leases } from '../leases.ts';
import type { Producer, ValueCell } from './cell.ts';
import type { Hub } from './hub.ts';

export interface SharedCellOptions {
	readonly values: ValueCodec;
	readonly clock: Clock;
	readonly hub: Hub;
	readonly log: ReplayLog & Required<Pick<ReplayLog, 'publish'>>;
	readonly leases: Leases;
	readonly topic: string;
	report(error: unknown): void;
}

/** Milliseconds for the one who works it out to tell the first value. */
const PATIENCE = 5000;
/** Milliseconds after which what could not be told, and a store that was away, are tried again. */
const RETRY = 1000;
/** Milliseconds after which a value that has not changed is told once more: the log lets go of old frames. */
const AGAIN = 60 * 60 * 1000;
/** Stands before the number of who has told a value, which goes with it as its operation. */
const TOLD_BY = '~';

export class SharedCell implements ValueCell {
	readonly topic: string;
	readonly #options: SharedCellOptions;
	readonly #ended: AbortController = new AbortController();
	#producer: Producer | undefined = undefined;
	#unlisten: () => void = () => {};
	#tail: Tail | undefined = undefined;
	/** The number of this instance where it works the value out. */
	#fence: number | undefined = undefined;
	/** That of who does so; what was told under an earlier one may be out of date. */
	#expected: number = Infinity;
	/** What this instance has told under its number. */
	#told: EncodedValue | undefined = undefined;
	#telling: Promise<void> | undefined = undefined;
	#latest: EncodedValue | undefined = undefined;
	readonly #waiting: Set<() => void> = new Set();

	constructor(options: SharedCellOptions) {
		this.topic = options.topic;
		this.#options = options;
	}

	get isOwn(): boolean {
		return this.#fence !== undefined;
	}

	get isCurrent(): boolean {
		return this.#current() !== undefined;
	}

	told(): MaybePromise<void> {
		return this.#telling;
	}

	attend(producer: Producer): void {
		const isFirst = this.#producer === undefined;
		this.#producer = producer;
		if (!isFirst) return this.isOwn ? producer.begin() : undefined;
		this.#unlisten = this.#options.hub.listen([this.topic], () => this.#heard());
		this.#stand().catch(this.#options.report);
	}

	set(value: unknown): MaybePromise<void> {
		if (!this.isOwn) return;
		const encoded = this.#options.values.encode(value, this.topic);
		const before = this.#told;
		if (before && before.json === encoded.json && before.devalue === encoded.devalue) return;
		this.#told = encoded;
		const telling = this.#publish().then(() => {
			if (this.#telling === telling) this.#telling = undefined;
			this.#wake();
		});
		return (this.#telling = telling);
	}

	value(): unknown {
		// Between two who work it out, and where the log has lost it, it is what it was.
		this.#latest = this.#current() ?? this.#latest;
		return this.#latest && this.#options.values.read(this.#latest);
	}

	/** The latest value that was told, by whomever. */
	last(): unknown {
		const value = this.#current() ?? this.#tail?.last(1)[0]?.value;
		return value && this.#options.values.read(value);
	}

	/** Resolves when something is known that was not. @throws {LiveError} SERVICE_UNAVAILABLE after a while */
	changed(): Promise<void> {
		return new Promise((resolve, reject) => {
			const settle = (end: () => void): void => {
				cancel();
				this.#waiting.delete(wake);
				end();
			};
			const wake = (): void => settle(resolve);
			const cancel = this.#options.clock.after(PATIENCE, () =>
				settle(() => reject(new LiveError('SERVICE_UNAVAILABLE', 'Nobody has worked it out yet.')))
			);
			this.#waiting.add(wake);
		});
	}

	async feed(close: () => void): Promise<Feed> {
		const { log } = this.#options;
		const tail = await log.follow(this.topic);
		let isClosed = false;
		return {
			tail: {
				head: () => tail.head(),
				since: (position) => tail.since(position),
				last: (count) => tail.last(count),
				close: () => {
					if (isClosed) return;
					isClosed = true;
					tail.close();
					close();
				}
			},
			value: () => this.value()
		};
	}

	end(): void {
		this.#ended.abort();
		this.#unlisten();
		this.#wake();
	}

	#current(): EncodedValue | undefined {
		if (this.isOwn) return this.#told;
		const last = this.#tail?.last(1)[0];
		return last && fenceOf(last.op) >= this.#expected ? last.value : undefined;
	}

	#heard(): void {
		this.#latest = this.#current() ?? this.#latest;
		// Somebody who did not know yet that it is not their turn any more has told a value after ours.
		const last = this.#tail?.last(1)[0];
		if (this.#told && last && fenceOf(last.op) < this.#fence!) void this.#publish();
		this.#wake();
	}

	#wake(): void {
		for (const wake of [...this.#waiting]) wake();
	}

	/** Works it out when it is this instance's turn, for as long as it is. */
	async #stand(): Promise<void> {
		const { log, leases, clock, topic, report } = this.#options;
		const { signal } = this.#ended;
		this.#tail = await log.follow(topic);
		while (!signal.aborted) {
			try {
				const lease = await leases.acquire(`value:${topic}`, signal, ({ heldUnder }) => {
					this.#expected = heldUnder;
					this.#wake();
				});
				await this.#own(lease.fence, lease.signal);
				await lease.release();
			} catch (error) {
				if (signal.aborted) break;
				if (!isLiveError(error)) report(error);
				// The store is away: until it is back each instance does it for itself.
				const back = new AbortController();
				const alone = this.#own(0, back.signal);
				do await new Promise<void>((resolve) => this.#after(clock, resolve));
				while (!signal.aborted && !(await this.#isBack()));
				back.abort();
				await alone;
			}
		}
		this.#tail.close();
	}

	#after(clock: Clock, resolve: () => void): void {
		const done = (): void => {
			cancel();
			resolve();
		};
		const cancel = clock.after(RETRY, done);
		this.#ended.signal.addEventListener('abort', done, { once: true });
	}

	async #isBack(): Promise<boolean> {
		try {
			const answer = await this.#options.leases.attempt(`value:${this.topic}`);
			if ('release' in answer) await answer.release();
			return true;
		} catch {
			// That it fails is the answer.
			return false;
		}
	}

	async #own(fence: number, until: AbortSignal): Promise<void> {
		const { clock } = this.#options;
		this.#fence = fence;
		const stop = clock.every(AGAIN, () => void (this.#told && this.#publish()));
		this.#producer!.begin();
		this.#wake();
		await new Promise<void>((resolve) => {
			for (const signal of [until, this.#ended.signal]) {
				if (signal.aborted) resolve();
				signal.addEventListener('abort', () => resolve(), { once: true });
			}
		});
		stop();
		// Nobody is known to do it by now; what is shown is what it was.
		this.#expected = Infinity;
		this.#latest = this.#told ?? this.#latest;
		this.#fence = this.#told = undefined;
		this.#producer!.rest();
	}

	async #publish(): Promise<void> {
		const { log, clock, report, topic } = this.#options;
		const value = this.#told!;
		const isStill = (): boolean => this.#told === value;
		try {
			const { status } = await log.publish(topic, 'set', value, `${TOLD_BY}${this.#fence}`);
			if (status === 'ok') return;
		} catch (error) {
			report(error);
		}
		clock.after(RETRY, () => {
			if (isStill()) void this.#publish();
		});
	}
}

function fenceOf(op: string | undefined): number {
	return op?.startsWith(TOLD_BY) ? Number(op.slice(TOLD_BY.length)) : -1;
}

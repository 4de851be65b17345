/** A topic that this instance follows: every frame once, in the order of the log. */

import type { Position } from 'svelte-realtime/kernel';
import type { LogEntry } from 'svelte-realtime/plugins/replay';
import { Frames } from './log-tail.ts';
import { isContinued, type Lineage } from './log-lineage.ts';
import type { Broadcast, Numbered } from './log-line.ts';

/** What the store says of a topic. */
export interface Snapshot {
	/** Where it stands; undefined while nobody has published to it. */
	readonly head: Position | undefined;
	readonly lineage: Lineage;
	/** Frames after the wanted number, oldest first. */
	readonly frames: readonly Numbered[];
}

export interface FollowedOptions {
	/** Frames that are held; who wants more reads the store. */
	readonly size: number;
	readonly bytes: number;
	/** Frames that wait for one that is missing; past it the topic is read anew. */
	readonly hold: number;
	/** The epoch of a topic that nobody has published to, for as long as the store is the same. */
	unpublished(): string;
	/** Reads the frames after a number, or so many of the latest. */
	read(after: number, latest: number): Promise<Snapshot>;
	deliver(epoch: string, frame: Numbered): void;
	/** A frame was missed on the way here, and is read. */
	gap?(): void;
	/** What was followed does not go on: those who follow it have to be told so. */
	begun?(): void;
	report(error: unknown): void;
}

/** Before the store has said where a topic stands; nothing continues it. */
const UNKNOWN = '?';

export class Followed {
	readonly #options: FollowedOptions;
	readonly #frames: Frames;
	/** Frames that came before one that is missing. */
	readonly #held: Map<number, Numbered> = new Map();
	#heldEpoch: string = '';
	#epoch: string = UNKNOWN;
	#seq: number = 0;
	#lineage: Lineage = [];
	/** One read at a time; who needs one later than its question asks for another behind it. */
	#reading: Promise<void> | undefined = undefined;
	#isWanted: boolean = false;
	/** It begins anew, with as much of what the store holds as an instance does. */
	#isAnew: boolean = false;
	/** A head before ours that the store has told once. */
	#doubted: number = -1;

	constructor(options: FollowedOptions) {
		this.#options = options;
		this.#frames = new Frames(options.size, options.bytes);
	}

	get head(): Position {
		return { epoch: this.#epoch, seq: this.#seq };
	}

	since({ epoch, seq }: Position): readonly LogEntry[] | 'epoch' | 'truncated' {
		if (epoch !== this.#epoch && !isContinued(this.#lineage, { epoch, seq })) return 'epoch';
		if (seq > this.#seq) return 'epoch';
		const missing = this.#seq - seq;
		return missing > this.#frames.length ? 'truncated' : this.#frames.last(missing);
	}

	last(count: number): readonly LogEntry[] {
		return this.#frames.last(count);
	}

	/** Frames that follow on one another, from the store's broadcast or from a publish of this instance. */
	receive({ epoch, lineage, frames, isRepeat = false }: Broadcast): void {
		if (epoch !== this.#epoch && isContinued(lineage, this.head)) {
			this.#epoch = epoch;
			this.#lineage = lineage;
		}
		// A repeat has the numbers of frames that may have been delivered in the epoch before.
		if (epoch !== this.#epoch) return this.#keep(epoch, isRepeat ? [] : frames);
		for (const frame of frames) {
			if (frame.seq === this.#seq + 1) this.#accept(frame);
			else if (frame.seq > this.#seq) {
				if (this.#reading === undefined) this.#options.gap?.();
				return this.#keep(epoch, frames);
			}
		}
		if (this.#held.size > 0) this.#release();
	}

	/** Brings it up to where the store is, whatever was lost on the way. */
	catchUp(): Promise<void> {
		this.#isWanted = true;
		return (this.#reading ??= this.#read());
	}

	/** Whether the store stands elsewhere. */
	differs(head: Position | undefined): boolean {
		const { epoch, seq } = head ?? { epoch: this.#options.unpublished(), seq: 0 };
		return epoch !== this.#epoch || seq !== this.#seq;
	}

	/** How many frames the store is ahead, in the same history. */
	behind(head: Position | undefined): number {
		return head?.epoch === this.#epoch ? Math.max(head.seq - this.#seq, 0) : 0;
	}

	#accept(frame: Numbered): void {
		this.#seq = frame.seq;
		this.#frames.push(frame);
		this.#options.deliver(this.#epoch, frame);
	}

	/** Keeps frames until those before them have been read. */
	#keep(epoch: string, frames: readonly Numbered[]): void {
		if (epoch !== this.#heldEpoch) this.#held.clear();
		this.#heldEpoch = epoch;
		for (const frame of frames) this.#held.set(frame.seq, frame);
		// The read that is wanted now brings them as well.
		if (this.#held.size > this.#options.hold) this.#held.clear();
		this.catchUp().catch(this.#options.report);
	}

	/** Delivers what was kept, as far as it follows on what is there. */
	#release(): void {
		if (this.#heldEpoch !== this.#epoch) return;
		for (const seq of [...this.#held.keys()].sort((one, other) => one - other)) {
			const frame = this.#held.get(seq)!;
			if (seq > this.#seq + 1) return;
			this.#held.delete(seq);
			if (seq === this.#seq + 1) this.#accept(frame);
		}
	}

	async #read(): Promise<void> {
		try {
			while (this.#isWanted) {
				this.#isWanted = false;
				const asked = this.#epoch;
				const isWhole = asked === UNKNOWN || this.#isAnew;
				this.#isAnew = false;
				const { size, read } = this.#options;
				const snapshot = await read(isWhole ? 0 : this.#seq, isWhole ? size : 0);
				// A broadcast has led to a later epoch meanwhile: the answer is of before, and would lead back.
				if (this.#epoch === asked) this.#take(snapshot, isWhole);
				else this.#isWanted = true;
				this.#release();
				// What was kept before the question, and does not follow on its answer, is of no history.
				if (!this.#isWanted) this.#held.clear();
			}
		} finally {
			this.#reading = undefined;
		}
	}

	/** Goes on from where it is, or begins anew where the store holds another history. */
	#take({ head, lineage, frames }: Snapshot, isWhole: boolean): void {
		const now = head ?? { epoch: this.#options.unpublished(), seq: 0 };
		const isSame = now.epoch === this.#epoch;
		const begin = (): void => {
			if (isWhole) return this.#begin(now, lineage, frames);
			// What came before was not asked for, and is part of what there is now.
			this.#isAnew = this.#isWanted = true;
		};
		if (!isSame && !isContinued(lineage, this.head)) return begin();
		// A frame came by broadcast while the store was asked; a store that has lost it says so again.
		if (isSame && this.#seq > now.seq && this.#doubted !== now.seq) {
			this.#doubted = now.seq;
			this.#isWanted = true;
			return;
		}
		this.#epoch = now.epoch;
		this.#lineage = lineage;
		for (const frame of frames) if (frame.seq === this.#seq + 1) this.#accept(frame);
		// The log does not reach back to here, or not up to its own head.
		if (this.#seq !== now.seq) begin();
	}

	/** What was followed is another history now; whoever asks for what came after is told so. */
	#begin(now: Position, lineage: Lineage, frames: readonly Numbered[]): void {
		const isFirst = this.#epoch === UNKNOWN;
		const told = now.epoch === this.#epoch ? this.#seq : 0;
		const held = this.#heldEpoch === now.epoch ? [...this.#held.keys()] : [];
		const live = Math.min(...held.filter((seq) => seq > told));
		this.#epoch = now.epoch;
		this.#seq = now.seq;
		this.#lineage = lineage;
		this.#frames.clear();
		// Those that lead up to the head without a hole.
		const first = frames.findLastIndex(
			({ seq }, index) => seq !== now.seq - (frames.length - 1 - index)
		);
		for (const frame of frames.slice(first + 1)) {
			this.#frames.push(frame);
			// It came while the topic was followed: observers hear of it, and clients see that it begins anew.
			if (frame.seq >= live) this.#options.deliver(now.epoch, frame);
		}
		if (!isFirst) this.#options.begun?.();
	}
}

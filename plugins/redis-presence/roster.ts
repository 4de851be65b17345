/** A topic that this instance looks at: its members, and every change of them in order. */

import { randomId } from 'svelte-realtime/kernel';
import type {
	Changes,
	Diff,
	Member,
	Roster,
	RosterListener
} from 'svelte-realtime/plugins/presence';
import type { Told } from './wire.ts';

export interface TopicRosterOptions {
	/** Reads how the topic stands. */
	read(): Promise<Roster>;
	/** What this instance has of the topic, and Redis may not have. */
	unsaved(): readonly Member[];
	/** It was read, or told, in this epoch. */
	seen(epoch: string): void;
	/** It could not be read. */
	failed(error: unknown): void;
}

/** Changes that wait while the topic is read. */
const HELD = 1000;

export class TopicRoster {
	readonly #options: TopicRosterOptions;
	readonly #listeners: Set<RosterListener> = new Set();
	#members: Map<string, Member> = new Map();
	#epoch: string = '';
	#seq: number = 0;
	/** It goes on by what this instance does alone: Redis could not be asked, or told. */
	#isLocal: boolean = false;
	#reading: Promise<void> | undefined;
	#isWanted: boolean = false;
	#held: Told[] = [];

	constructor(options: TopicRosterOptions) {
		this.#options = options;
	}

	get now(): Roster {
		return { epoch: this.#epoch, seq: this.#seq, members: [...this.#members.values()] };
	}

	get isLocal(): boolean {
		return this.#isLocal;
	}

	/** Somebody listens. */
	get isHeard(): boolean {
		return this.#listeners.size > 0;
	}

	/** From the next change on. */
	listen(listener: RosterListener): () => void {
		// Who listens twice with one listener hears everything twice.
		const own: RosterListener = {
			changed: (diff, position) => listener.changed(diff, position),
			replaced: (roster) => listener.replaced(roster)
		};
		this.#listeners.add(own);
		return () => void this.#listeners.delete(own);
	}

	/** What Redis has broadcast. */
	receive(told: Told): void {
		if (this.#reading) return this.#hold(told);
		const isNext = told.seq === this.#seq + 1 && told.diff !== undefined;
		if (this.#isLocal || told.epoch !== this.#epoch || (told.seq > this.#seq && !isNext)) {
			this.#hold(told);
			void this.catchUp();
		} else if (isNext) this.#accept(told.diff!);
	}

	/** Brings it up to where Redis is, whatever was missed. */
	catchUp(): Promise<void> {
		this.#isWanted = true;
		return (this.#reading ??= this.#read().finally(() => (this.#reading = undefined)));
	}

	/** Whether something is missing of what Redis had when it stood there. */
	lacks(epoch: string, seq: number): boolean {
		return this.#isLocal || epoch !== this.#epoch || seq > this.#seq;
	}

	/** Shows what this instance changes, which Redis did not take. */
	changeAlone({ puts, removes }: Changes): void {
		if (!this.#isLocal) {
			this.#goAlone();
			for (const key of removes) this.#members.delete(key);
			for (const member of puts) this.#members.set(member.key, member);
			return this.#replaced();
		}
		const joins = puts.filter(({ key }) => !this.#members.has(key));
		const updates = puts.filter((member) => {
			const known = this.#members.get(member.key);
			return known !== undefined && known !== member;
		});
		const leaves = removes.filter((key) => this.#members.has(key));
		if (joins.length + updates.length + leaves.length > 0) this.#accept({ joins, updates, leaves });
	}

	#goAlone(): void {
		this.#isLocal = true;
		this.#epoch = `~${randomId()}`;
		this.#seq = 0;
	}

	#hold(told: Told): void {
		this.#held.push(told);
		if (this.#held.length <= HELD) return;
		// The answer that is wanted now has all of them.
		this.#held = [];
		this.#isWanted = true;
	}

	#accept(diff: Diff): void {
		for (const key of diff.leaves) this.#members.delete(key);
		for (const member of diff.joins) this.#members.set(member.key, member);
		for (const member of diff.updates) this.#members.set(member.key, member);
		this.#seq += 1;
		const position = { epoch: this.#epoch, seq: this.#seq };
		for (const { changed } of [...this.#listeners]) changed(diff, position);
	}

	#replaced(): void {
		const roster = this.now;
		for (const { replaced } of [...this.#listeners]) replaced(roster);
	}

	async #read(): Promise<void> {
		while (this.#isWanted) {
			this.#isWanted = false;
			try {
				this.#take(await this.#options.read());
			} catch (error) {
				this.#held = [];
				this.#options.failed(error);
				if (this.#epoch !== '') return;
				// Nothing is known but what this instance has itself.
				this.#goAlone();
				for (const member of this.#options.unsaved()) this.#members.set(member.key, member);
				return;
			}
			const held = this.#held;
			this.#held = [];
			for (const told of held) this.#follow(told);
		}
	}

	/** Goes on from the answer by what was told meanwhile. */
	#follow(told: Told): void {
		const { epoch, seq, diff } = told;
		const isKnown = epoch === this.#epoch && seq <= this.#seq;
		if (isKnown || this.#isWanted) return;
		if (epoch === this.#epoch && seq === this.#seq + 1 && diff) return this.#accept(diff);
		// Of before the answer, in an epoch that is over; or of after it: asking tells.
		this.#isWanted = true;
	}

	#take({ epoch, seq, members }: Roster): void {
		const isFirst = this.#epoch === '';
		const isSame = !this.#isLocal && epoch === this.#epoch && seq === this.#seq;
		this.#options.seen(epoch);
		if (isSame) return;
		this.#isLocal = false;
		this.#epoch = epoch;
		this.#seq = seq;
		this.#members = new Map(members.map((member) => [member.key, member]));
		for (const member of this.#options.unsaved()) {
			if (!this.#members.has(member.key)) this.#members.set(member.key, member);
		}
		if (!isFirst) this.#replaced();
	}
}

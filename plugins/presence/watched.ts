/** A topic's members as this instance's followers see them: the list, and the latest changes of it. */

import { chain, type MaybePromise, type PluginKernel } from 'svelte-realtime/kernel';
import type { LogEntry, Tail } from 'svelte-realtime/plugins/replay';
import type { Feed } from 'svelte-realtime/plugins/streams';
import type { Diff, Followed, Member, PresenceStore, Roster } from './port.ts';

/** Stands before the topic's name where its members are told of. */
export const NAMESPACE = '__presence:';

/** Changes kept for those who come back. */
const CHANGES = 128;
/** Characters of them; past it a whole list is no larger. */
const CHARACTERS = 256 * 1024;

export interface WatchedOptions {
	readonly store: PresenceStore;
	readonly kernel: Pick<PluginKernel<never, never>, 'deliver' | 'values'>;
	/** Nobody looks at the topic any more. */
	readonly closed: () => void;
}

export class Watched {
	readonly #topic: string;
	readonly #options: WatchedOptions;
	#followers: number = 0;
	#followed: Followed | undefined;
	#opening: MaybePromise<void> | undefined;
	#epoch: string = '';
	/** The epoch that the store says, and how often it has replaced the roster within one. */
	#source: string = '';
	#times: number = 0;
	#seq: number = 0;
	#members: Map<string, Member> = new Map();
	/** The list as it was last asked for, until it changes. */
	#list: readonly Member[] | undefined;
	#changes: LogEntry[] = [];
	#characters: number = 0;

	constructor(topic: string, options: WatchedOptions) {
		this.#topic = topic;
		this.#options = options;
	}

	/** Adds a follower, until its tail is closed. */
	follow(): MaybePromise<Feed> {
		this.#followers += 1;
		try {
			this.#opening ??= this.#open();
		} catch (error) {
			this.#leave();
			throw error;
		}
		if (this.#opening === undefined) return this.#feed();
		return Promise.resolve(this.#opening).then(
			() => this.#feed(),
			(error: unknown) => {
				this.#leave();
				throw error;
			}
		);
	}

	#open(): MaybePromise<void> {
		if (this.#followed) return;
		const { store } = this.#options;
		const followed = store.follow(this.#topic, {
			changed: (diff, { seq }) => this.#changed(diff, seq),
			replaced: (roster) => this.#replaced(roster)
		});
		return chain<Followed, void>(followed, (open) => {
			this.#opening = undefined;
			this.#followed = open;
			this.#take(open.roster);
			if (this.#followers === 0) open.close();
		});
	}

	#leave(): void {
		this.#followers -= 1;
		if (this.#followers > 0) return;
		this.#followed?.close();
		this.#options.closed();
	}

	#feed(): Feed {
		let isOpen = true;
		const tail: Tail = {
			head: () => ({ epoch: this.#epoch, seq: this.#seq }),
			since: ({ epoch, seq }) => {
				const missing = this.#seq - seq;
				if (epoch !== this.#epoch || missing < 0) return 'epoch';
				if (missing > this.#changes.length) return 'truncated';
				return missing === 0 ? [] : this.#changes.slice(-missing);
			},
			last: (count) => (count === 0 ? [] : this.#changes.slice(-count)),
			close: () => {
				if (!isOpen) return;
				isOpen = false;
				this.#leave();
			}
		};
		return { tail, value: () => (this.#list ??= [...this.#members.values()]) };
	}

	#take({ epoch, seq, members }: Roster): void {
		// What was heard before does not lead here, whatever the numbers say.
		this.#epoch = epoch === this.#source ? `${epoch}~${(this.#times += 1)}` : epoch;
		this.#source = epoch;
		this.#seq = seq;
		this.#members = new Map(members.map((member) => [member.key, member]));
		this.#list = undefined;
		this.#changes = [];
		this.#characters = 0;
	}

	#replaced(roster: Roster): void {
		this.#take(roster);
		// Of another epoch, so that every follower asks how it stands.
		this.#deliver('set', { json: undefined, devalue: false });
	}

	#changed(diff: Diff, seq: number): void {
		const { joins, updates, leaves } = diff;
		for (const key of leaves) this.#members.delete(key);
		for (const member of joins) this.#members.set(member.key, member);
		for (const member of updates) this.#members.set(member.key, member);
		this.#list = undefined;
		this.#seq = seq;
		const told = {
			...(joins.length > 0 && { joins }),
			...(updates.length > 0 && { updates }),
			...(leaves.length > 0 && { leaves })
		};
		const value = this.#options.kernel.values.encode(told, `the members of "${this.#topic}"`);
		this.#changes.push({ seq, event: 'diff', value });
		this.#characters += value.json!.length;
		while (this.#changes.length > CHANGES || this.#characters > CHARACTERS) {
			this.#characters -= this.#changes.shift()!.value.json!.length;
		}
		this.#deliver('diff', value);
	}

	#deliver(event: string, value: LogEntry['value']): void {
		const topic = NAMESPACE + this.#topic;
		const position = { seq: this.#seq, epoch: this.#epoch };
		this.#options.kernel.deliver({ topic, event, value, ...position, origin: 'local' });
	}
}

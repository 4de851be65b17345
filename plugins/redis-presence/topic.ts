/** What the store of this instance knows of each topic. */

import type { Member } from 'svelte-realtime/plugins/presence';
import { topicKeys, type TopicKeys } from './keys.ts';
import type { TopicRoster } from './roster.ts';

export interface Topic {
	readonly name: string;
	readonly keys: TopicKeys;
	/** What this instance has put and not removed, whether Redis has taken it or not. */
	readonly own: Map<string, Member>;
	/** The last change that was given to Redis was not taken. */
	isUnsaved: boolean;
	/** The lease that is noted to have members here; '' for none. */
	entered: string;
	/** In which what is there was put; '' where nothing is. */
	epoch: string;
	/** Changes that wait, or are on their way. */
	waiting: number;
	last: Promise<unknown>;
	roster: TopicRoster | undefined;
	/** Resolves when the roster has been read. */
	ready: Promise<void> | undefined;
	followers: number;
}

export class Topics {
	readonly #prefix: string;
	readonly #topics: Map<string, Topic> = new Map();

	constructor(prefix: string) {
		this.#prefix = prefix;
	}

	/** The topic, remembered until `settle`. */
	open(name: string): Topic {
		const topic = this.look(name);
		this.#topics.set(name, topic);
		return topic;
	}

	/** The topic as it is known, which may be not at all. */
	look(name: string): Topic {
		const known = this.#topics.get(name);
		if (known) return known;
		const none = { isUnsaved: false, entered: '', epoch: '', waiting: 0, followers: 0 };
		const idle = { last: Promise.resolve(), roster: undefined, ready: undefined };
		return { name, keys: topicKeys(this.#prefix, name), own: new Map(), ...none, ...idle };
	}

	all(): readonly Topic[] {
		return [...this.#topics.values()];
	}

	/** Forgets a topic of which nothing is to be remembered. */
	settle(topic: Topic): void {
		const { name, own, entered, waiting, followers } = topic;
		if (own.size > 0 || entered !== '' || waiting > 0 || followers > 0) return;
		if (this.#topics.get(name) === topic) this.#topics.delete(name);
	}
}

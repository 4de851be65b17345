/** Hearing of topics on behalf of the server itself, where instances are told only of what they follow. */

import type { Clock, MaybePromise, PluginKernel, Position } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/redis-bus';
import type { Tail } from 'svelte-realtime/plugins/replay';

export interface Following {
	/** Resolves when everything from then on is heard. */
	readonly ready: Promise<void>;
	/** The log of the topic, from when it is ready; an ephemeral one has none. */
	readonly tail: Tail | undefined;
	/** Hears it no longer. */
	end(): void;
}

export type Follow = (topic: string) => Following;

/**
 * Makes this instance hear what is published to a topic on any of them.
 *
 * @returns undefined where nobody else publishes: an instance that is alone hears everything.
 */
export function followOf(
	kernel: Pick<PluginKernel<never, never>, 'classOf' | 'find' | 'report'>
): Follow | undefined {
	const log = kernel.find('replay.log');
	const bus = kernel.find('topics.bus');
	if (!log?.publish && !bus) return undefined;

	async function begin(topic: string): Promise<Tail | (() => void) | undefined> {
		if (kernel.classOf(topic) === 'ephemeral') return bus?.follow(topic);
		return log?.publish ? log.follow(topic) : undefined;
	}

	return (topic) => {
		let isEnded = false;
		let close = (): void => {};
		let tail: Tail | undefined;
		const ready = begin(topic).then((followed) => {
			if (typeof followed === 'object') tail = followed;
			const end = typeof followed === 'function' ? followed : (): void => tail?.close();
			if (isEnded) end();
			else close = end;
		}, kernel.report);
		return {
			ready,
			get tail() {
				return tail;
			},
			end() {
				isEnded = true;
				close();
			}
		};
	};
}

/** Milliseconds after which it is looked at whether a history has begun anew, which tells nobody so. */
const LOOK = 1000;

export interface FollowingAll {
	/** From when everything is heard; there is nothing to wait for where an instance is alone. */
	readonly ready: MaybePromise<unknown>;
	/** An event of one of them was heard. */
	heard(event: Position & { readonly topic: string }): void;
	end(): void;
}

/** @param lost Hears that something has happened that nobody will be told of any more. */
export function followAll(
	follow: Follow | undefined,
	topics: readonly string[],
	{ clock, lost }: { readonly clock: Clock; lost(): void }
): FollowingAll {
	if (!follow) return { ready: undefined, heard() {}, end() {} };
	const all = new Map(topics.map((topic) => [topic, follow(topic)]));
	const at = new Map<string, Position>();

	function begin(): void {
		for (const [topic, { tail }] of all) if (tail && !at.has(topic)) at.set(topic, tail.head());
	}

	function look(): void {
		let isLost = false;
		for (const [topic, { tail }] of all) {
			const [head, last] = [tail?.head(), at.get(topic)];
			if (!head || !last || (head.seq === last.seq && head.epoch === last.epoch)) continue;
			isLost ||= typeof tail!.since(last) === 'string';
			at.set(topic, head);
		}
		if (isLost) lost();
	}

	const stop = clock.every(LOOK, look);
	return {
		ready: Promise.all([...all.values()].map(({ ready }) => ready)).then(begin),
		heard({ topic, seq, epoch }) {
			if (seq > 0) at.set(topic, { seq, epoch });
		},
		end() {
			stop();
			for (const one of all.values()) one.end();
		}
	};
}

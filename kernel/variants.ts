/** Variants of a topic: the same frames in other bytes, each on a native topic of its own. */

import type { EncodedValue } from './contexts.ts';
import type { OutboundFrame } from './plugin.ts';
import type { MaybePromise } from './transport.ts';

/** How some who follow a topic are sent its frames. */
export interface Variant {
	/**
	 * The native topic that carries them, and the name that stands in them. Begins with `__`, and says
	 * which topic and which change it is: what has the same name is the same.
	 */
	readonly topic: string;
	/**
	 * A frame's value in this variant; called once for each frame while somebody follows it. Must not
	 * throw, nor reject; promises must be settled in the order of the frames, which is that of sending.
	 *
	 * @returns undefined where there is none: nobody is sent the frame.
	 */
	change(frame: OutboundFrame): MaybePromise<EncodedValue | undefined>;
}

/** Variant topic → variant, and how many connections follow it. */
export type TopicVariants = Map<string, { readonly variant: Variant; count: number }>;

/** The variants that somebody follows. */
export class Variants {
	readonly #topics: Map<string, TopicVariants> = new Map();

	/** Those of one topic; undefined where there are none, as of nearly every topic. */
	of(topic: string): TopicVariants | undefined {
		return this.#topics.get(topic);
	}

	/** A connection follows a variant of a topic. */
	add(topic: string, variant: Variant): void {
		const own: TopicVariants = this.#topics.get(topic) ?? new Map();
		this.#topics.set(topic, own);
		const followed = own.get(variant.topic) ?? { variant, count: 0 };
		own.set(variant.topic, followed);
		followed.count += 1;
	}

	/** It does not any more. */
	remove(topic: string, name: string): void {
		const own = this.#topics.get(topic)!;
		const followed = own.get(name)!;
		followed.count -= 1;
		if (followed.count === 0) own.delete(name);
		if (own.size === 0) this.#topics.delete(topic);
	}
}

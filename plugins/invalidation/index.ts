/** Invalidation: tells pages that what they show is out of date. */

import {
	chain,
	definePlugin,
	type MaybePromise,
	type Plugin,
	type Position,
	type PublishResult
} from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/replay';
import { checkCount, checkTime } from '../checks.ts';
import { NAMESPACE, type Invalidation } from './frames.ts';

export { tag, type LiveTag, type TagDeclaration, type TagOptions } from './declare.ts';
export type { Age, Invalidation } from './frames.ts';

export interface InvalidationOptions {
	/** Milliseconds over which many pages spread their questions, one for each of them. @default 1000 */
	spread?: number;
	/** Tags of which it is remembered when they were invalidated; the oldest goes. @default 10000 */
	tags?: number;
}

/**
 * Says that what carries a tag is out of date: every page that shows it asks anew, or shows `value`.
 *
 * Only pages that follow a `live.tag()` of this name hear it. The result may be ignored or awaited; it
 * never throws.
 *
 * @param value What the query comes to now: it takes the place of what is shown, and nobody asks.
 * Everybody who may hear the tag gets it.
 * @example ctx.invalidate('todos')
 */
export interface Invalidate {
	(tag: string, value?: unknown): MaybePromise<PublishResult>;
	/** For `live.tag()`: milliseconds since it was last invalidated. */
	'~age'(tag: string): MaybePromise<number | null>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		invalidate: Invalidate;
	}
}

/** When a tag was invalidated, and where its topic stood then. */
interface Time {
	/** Milliseconds since the Unix epoch. */
	readonly time: number;
	readonly at: Position;
}

/** As many pages ask at once; of more, each has a millisecond of its own. */
const AT_ONCE = 10;

/**
 * Tells the pages that follow a tag that it was invalidated.
 *
 * Needs nothing; tags are declared with `live.tag()`, and followed as streams are. Who was away hears
 * of it on return, as of any logged event.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is not of its kind.
 */
export function invalidation({ spread = 1000, tags = 10_000 }: InvalidationOptions = {}): Plugin<
	never,
	'invalidate'
> {
	checkTime('spread', 'invalidation()', spread);
	checkCount('tags', 'invalidation()', tags);
	return definePlugin({
		name: 'invalidation',
		optional: ['replay.log'],
		provides: ['invalidate'],
		setup(kernel) {
			const { clock } = kernel;
			const log = kernel.find('replay.log');
			/** Topic → when it was last invalidated, the oldest first. */
			const times = new Map<string, Time>();
			/** Topic → connections of this instance that follow it. */
			const followers = new Map<string, number>();
			/** What was said in this turn already: nobody can have asked since. */
			const told = new Map<string, MaybePromise<PublishResult>>();
			const own = { topics: `${NAMESPACE}*` };

			const count = (topic: string, by: number): void => {
				const next = (followers.get(topic) ?? 0) + by;
				if (next > 0) followers.set(topic, next);
				else followers.delete(topic);
			};
			kernel.hook('subscribed', ({ topic }) => count(topic, 1), own);
			kernel.hook('unsubscribe', ({ topic }) => count(topic, -1), own);
			// Observed and not written down when it is sent: other instances invalidate too.
			kernel.hook('published', ({ topic, seq, epoch }) => note(topic, { seq, epoch }), own);

			function note(topic: string, at: Position): void {
				times.delete(topic);
				times.set(topic, { time: clock.now(), at });
				if (times.size > tags) times.delete(times.keys().next().value!);
			}

			/**
			 * Of several instances one is told of a topic while somebody on it follows it: where the topic has
			 * gone on without this one, it may have been invalidated a moment ago.
			 */
			async function compare(topic: string): Promise<void> {
				const tail = await log!.follow(topic);
				const head = tail.head();
				tail.close();
				const { seq, epoch } = times.get(topic)?.at ?? { seq: 0, epoch: head.epoch };
				if (head.seq !== seq || head.epoch !== epoch) note(topic, head);
			}

			function spreadOf(topic: string): number {
				const many = followers.get(topic) ?? 0;
				return many > AT_ONCE ? Math.min(many, spread) : 0;
			}

			const invalidate = (tag: string, value?: unknown): MaybePromise<PublishResult> => {
				if (typeof tag !== 'string' || tag === '' || tag.startsWith('__')) {
					return { status: 'rejected', code: 'INVALID_TOPIC' };
				}
				const topic = NAMESPACE + tag;
				if (value !== undefined) {
					told.delete(topic);
					return kernel.publish(topic, 'invalidated', { value } satisfies Invalidation);
				}
				const known = told.get(topic);
				if (known) return known;
				const wide = spreadOf(topic);
				const data: Invalidation = wide > 0 ? { spread: wide } : {};
				const result = kernel.publish(topic, 'invalidated', data);
				if (told.size === 0) queueMicrotask(() => told.clear());
				told.set(topic, result);
				return result;
			};
			kernel.provide(
				'invalidate',
				Object.assign(invalidate, {
					'~age'(tag: string) {
						const topic = NAMESPACE + tag;
						const compared = log?.publish ? compare(topic) : undefined;
						return chain(compared, () => {
							const known = times.get(topic);
							return known === undefined ? null : Math.max(clock.now() - known.time, 0);
						});
					}
				})
			);
		}
	});
}

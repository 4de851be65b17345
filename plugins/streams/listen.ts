/** The events of a topic, one by one, for code of the server. */

import { LiveError } from 'svelte-realtime/kernel';
import { runningKernel } from '../running-kernel.ts';
import type { Hear } from './hearing.ts';
import type { ListenOptions } from './iterated.ts';
import { iteratorOf, type Source } from './iterator.ts';

/** An event of a topic. */
export interface TopicEvent {
	readonly event: string;
	readonly data: unknown;
}

/**
 * The events of a topic from now on, as they are delivered on this instance, for code of the server:
 * a job, an endpoint, a `query.live` of SvelteKit's. Nobody is asked whether they may be heard. One
 * subscription feeds any number of readers. It ends when the server does.
 *
 * @throws {RealtimeError} RT_SERVER_NOT_RUNNING, RT_OPTION_INVALID; while it is read, QUEUE_FULL for who
 * takes longer than `buffer` events.
 * @example for await (const { event, data } of live.iterate('orders', { signal })) { … }
 */
export function iterateTopic(
	topic: string,
	options: ListenOptions = {}
): AsyncIterableIterator<TopicEvent> {
	return runningKernel(topic).use('streams').listen(topic, options);
}

interface Listening {
	readonly hear: Hear;
	readonly topic: string;
	readonly signal: AbortSignal | undefined;
	readonly buffer: number;
	/** Ends of all that listen. */
	readonly listeners: Set<() => void>;
}

export function listen(options: Listening): AsyncIterableIterator<TopicEvent> {
	const { hear, topic, signal, buffer, listeners } = options;
	const events: TopicEvent[] = [];
	let isFull = false;
	let isOver = false;
	let leave = (): void => {};
	let close = (): void => {};
	const source: Source<TopicEvent> = {
		begin(wake) {
			leave = hear(topic, ({ event, data }) => {
				isFull ||= events.length >= buffer;
				if (!isFull) events.push({ event, data });
				wake();
			});
			close = () => {
				isOver = true;
				wake();
			};
			listeners.add(close);
		},
		take() {
			const value = events.shift();
			if (value) return { done: false, value };
			if (isFull) throw new LiveError('QUEUE_FULL', 'More has happened than was taken.');
			return isOver ? { done: true, value: undefined } : undefined;
		},
		end() {
			leave();
			listeners.delete(close);
		}
	};
	return iteratorOf(source, signal);
}

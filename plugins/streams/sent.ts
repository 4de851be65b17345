/** What was loaded, as it is sent to those who asked for it. */

import { chain, type MaybePromise } from 'svelte-realtime/kernel';
import type { Sendable } from './answers.ts';
import type { Loaded, Source } from './load.ts';
import type { StreamDeclaration } from './declare.ts';

/**
 * In the shape of the source, and in its turn among the frames of the topic. To be called in the tick
 * in which the events were read.
 */
export function sent(source: Source, topic: string, loaded: Loaded): MaybePromise<Sendable> {
	const { shape, feed } = source;
	if (!shape) return loaded;
	const shaped = (): MaybePromise<Sendable> =>
		chain(feed ? shape.value(loaded.value) : loaded.value, (value) =>
			chain(shape.entries(loaded.events), (events) => ({ ...loaded, value, events }))
		);
	return chain(shape.inLine(topic, shaped), (all) => {
		if (!isCut(source.declaration)) return all;
		const value = source.kernel.values.encode(all.value, 'the items of a stream');
		// Of more items than it shows, so that it knows what comes after one that goes.
		return { ...all, value: [], events: [{ event: 'set', value }, ...all.events] };
	});
}

/** The items that a page shows at first: a page that is rendered cannot hold any others. */
export function shownOf(value: unknown, declaration: StreamDeclaration): unknown {
	return isCut(declaration) && Array.isArray(value)
		? value.slice(0, declaration.pipes!.limit)
		: value;
}

/** Whether the client holds more of the list than it shows. */
function isCut({ pipes, merge }: StreamDeclaration): boolean {
	return pipes !== undefined && pipes.limit > 0 && merge.merge !== 'set';
}

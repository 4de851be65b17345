/** Loading a stream for a page that is rendered: nobody follows it then. */

import type { Position } from 'svelte-realtime/kernel';
import type { Replay, Tail } from 'svelte-realtime/plugins/replay';
import type { Entry } from './answers.ts';
import { load, type Loaded, type Source } from './load.ts';
import { apply, createList } from './merge/index.ts';
import { installPiped } from './merge/piped.ts';
import { mergeOf } from './paging.ts';
import { shownOf } from './sent.ts';

/** A value as the page shows it, and where it stands. */
export async function loadOnce(
	topic: string,
	source: Source,
	replay: Replay
): Promise<Omit<Loaded, 'events'>> {
	const { feed, kernel } = source;
	const isLogged = feed !== undefined || kernel.classOf(topic) === 'logged';
	const tail = isLogged ? (feed?.tail ?? (await replay.follow(topic))) : undefined;
	try {
		return await load(source, tail, (loaded) => shown(source, loaded, tail));
	} finally {
		tail?.close();
	}
}

/** @param tail Of the topic; an ephemeral one has none. */
async function shown(source: Source, loaded: Loaded, tail: Tail | undefined): Promise<Loaded> {
	const { declaration, feed, shape, kernel } = source;
	const head: Position | undefined = tail?.head();
	if (feed) return { ...loaded, value: shape ? await shape.value(loaded.value) : loaded.value };
	if (declaration.loader !== null || tail === undefined) {
		return { ...loaded, value: shownOf(loaded.value, declaration) };
	}
	// What the log holds is a value here: the page must be able to show it.
	const { events } = loaded;
	const entries: readonly Entry[] = shape ? await shape.entries(events) : events;
	installPiped();
	const list = createList(loaded.value, mergeOf(declaration, undefined));
	for (const { event, value } of entries) apply(list, event, kernel.values.read(value));
	return { ...loaded, value: list.read(), position: head };
}

/** The plugin list of a worker: what nothing else shares among instances, the supervisor does. */

import { madeWith } from '../../kernel/config.ts';
import type { Plugin } from '../../kernel/plugin.ts';
import {
	SHARED,
	workers,
	type SharedBounds,
	type WorkerLink
} from '../../plugins/workers/index.ts';
import type { SingleOptions } from '../../presets/index.ts';

/** Adds `workers()` with those ports that no plugin of the list provides. */
export function withShared(
	plugins: readonly Plugin[],
	link: WorkerLink | undefined,
	preset: readonly Plugin[]
): readonly Plugin[] {
	if (link === undefined || plugins.some(({ name }) => name === 'workers')) return plugins;
	const provided = new Set(plugins.flatMap(({ provides = [] }) => provides));
	const ports = SHARED.filter((port) => !provided.has(port));
	// Who brings a log of all instances brings the way of ephemeral topics as well.
	const relays = !provided.has('replay.log') && !provided.has('topics.bus');
	if (ports.length === 0 && !relays) return plugins;
	return [workers({ link, ports, relays, bounds: boundsOf(preset) }), ...plugins];
}

/** What the app's preset says of the stores that it would keep in its own memory. */
function boundsOf(preset: readonly Plugin[]): SharedBounds {
	const options = (madeWith(preset) ?? {}) as SingleOptions;
	const { replay = {}, ratelimit, session = {}, dedup = {} } = options;
	return {
		size: replay.size,
		topicBytes: replay.topicBytes,
		bytes: replay.bytes,
		topics: replay.topics,
		identities: ratelimit === false ? undefined : ratelimit?.identities,
		sessions: session.size,
		claims: dedup.size
	};
}

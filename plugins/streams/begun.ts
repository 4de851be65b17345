/** Telling those who follow a topic that it has begun anew, where nothing may be published to it for long. */

import type { Connection, PluginKernel } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/replay';
import type { Follower } from './follow.ts';
import { tellHeads, type Wheel } from './heads.ts';

/** Milliseconds in which topics are gathered: a store that has lost one has lost others, too. */
const GATHER = 250;

/** Looks at those at once whose topic has begun anew, and not when it is their turn. */
export function tellBegun(
	{
		clock,
		find,
		attach
	}: Pick<PluginKernel<'rpc' | 'replay', 'streams'>, 'clock' | 'find' | 'attach'>,
	wheel: Wheel,
	followersOf: (connection: Connection) => Iterable<Follower>
): void {
	const log = find('replay.log');
	let begun = new Set<string>();

	function look(): void {
		const topics = begun;
		begun = new Set();
		for (const connection of wheel.all()) {
			const own = [...followersOf(connection)];
			const concerned = own.filter(({ subscription }) => topics.has(subscription?.topic ?? ''));
			if (concerned.length > 0) tellHeads(connection, concerned, false);
		}
	}

	function gather(topic: string): void {
		begun.add(topic);
		if (begun.size === 1) clock.after(GATHER, look);
	}
	if (log?.onBegun) attach(() => log.onBegun!(gather));
}

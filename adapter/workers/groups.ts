/** The groups that workers have open. One that has ended has none after the time for which it said so. */

import type { Clock } from '../../kernel/clock.ts';
import { memoryGroups, type GroupRecord, type GroupStore } from '../../plugins/groups/index.ts';
import type { Peer, SharedPort } from './hub.ts';

export function sharedGroups(clock: Clock): SharedPort {
	const groups = memoryGroups(clock);
	const of = (peer: Peer): GroupStore => groups.store(peer.instance);

	return {
		methods: {
			open: (peer, name: string, fresh: GroupRecord, ttl: number) =>
				of(peer).open(name, fresh, ttl),
			keep: (peer, name: string, record: GroupRecord, ttl: number) =>
				of(peer).keep(name, record, ttl),
			leave: (peer, name: string, id: string) => of(peer).leave(name, id),
			close: (peer, name: string) => of(peer).close(name),
			find: (peer, name: string) => of(peer).find(name)
		}
	};
}

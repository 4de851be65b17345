/** `presence.store` of the supervisor. */

import type { Clock, Position, ValueCodec } from 'svelte-realtime/kernel';
import type {
	Changes,
	Diff,
	Member,
	PresenceStore,
	Roster,
	RosterListener
} from 'svelte-realtime/plugins/presence';
import type { Channel } from './link.ts';
import { packer, type Packed } from './packed.ts';

interface PackedMember {
	readonly key: string;
	readonly data: Packed;
	readonly state?: Packed;
}

interface PackedDiff {
	readonly joins: readonly PackedMember[];
	readonly updates: readonly PackedMember[];
	readonly leaves: readonly string[];
}

type PackedRoster = Position & { readonly members: readonly PackedMember[] };

export function workersPresence(channel: Channel, clock: Clock, values: ValueCodec): PresenceStore {
	const { pack, unpack } = packer(values, 'a member');
	const listeners = new Map<number, (diff: Diff, position: Position) => void>();
	let followed = 0;

	const write = ({ key, data, state }: Member): PackedMember =>
		state === undefined ? { key, data: pack(data) } : { key, data: pack(data), state: pack(state) };
	const read = ({ key, data, state }: PackedMember): Member =>
		state === undefined
			? { key, data: unpack(data) }
			: { key, data: unpack(data), state: unpack(state) };
	const readDiff = ({ joins, updates, leaves }: PackedDiff): Diff => ({
		joins: joins.map(read),
		updates: updates.map(read),
		leaves
	});

	channel.on('presence', (id: number, diff: PackedDiff, position: Position) => {
		listeners.get(id)?.(readDiff(diff), position);
	});

	async function roster(topic: string, id: number): Promise<Roster> {
		const answer = await channel.call<PackedRoster>('presence', 'follow', topic, id);
		return { ...answer, members: answer.members.map(read) };
	}

	/** Keeps what comes with the roster until whoever asked for it has it. */
	function listen(id: number, listener: RosterListener): { begin(): void; end(): void } {
		let early: (readonly [Diff, Position])[] | undefined = [];
		listeners.set(id, (diff, position) => {
			if (early) early.push([diff, position]);
			else listener.changed(diff, position);
		});
		let cancel: (() => void) | undefined;
		return {
			begin() {
				cancel = clock.after(0, () => {
					const kept = early ?? [];
					early = undefined;
					for (const [diff, position] of kept) {
						if (listeners.has(id)) listener.changed(diff, position);
					}
				});
			},
			end() {
				cancel?.();
				if (listeners.delete(id)) channel.tell('presence', 'unfollow', id);
			}
		};
	}

	return {
		apply(topic, { puts, removes }: Changes) {
			const packed = { puts: puts.map(write), removes };
			return channel.call('presence', 'apply', topic, packed);
		},
		list: async (topic) =>
			(await channel.call<readonly PackedMember[]>('presence', 'list', topic)).map(read),
		count: (topic) => channel.call('presence', 'count', topic),
		async follow(topic, listener) {
			const id = (followed += 1);
			const ear = listen(id, listener);
			const answer = await roster(topic, id);
			ear.begin();
			return { roster: answer, close: ear.end };
		},
		reserve: (topic, key, places, ttl) =>
			channel.call('presence', 'reserve', topic, key, places, ttl),
		beat: (ttl) => channel.call('presence', 'beat', ttl)
	};
}

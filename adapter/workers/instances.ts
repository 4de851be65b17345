/** The leases of workers, and the way from each to each. */

import type { Clock } from '../../kernel/clock.ts';
import type { Beat } from '../../plugins/instances/index.ts';
import type { Peer, SharedPort } from './hub.ts';

/** Milliseconds that an instance has to clear up after another; then the next one has. */
const CLAIM = 60_000;

export function sharedInstances(clock: Clock): SharedPort {
	/** Until when each lease runs. */
	const leases = new Map<string, number>();
	/** Those that have gone, and until when somebody clears up after them. */
	const gone = new Map<string, number>();
	const peers = new Map<string, Peer>();
	/** Who hears what is sent to others, who have gone or are about to. */
	const standIns = new Map<string, Peer>();

	function end(instance: string): void {
		if (leases.delete(instance)) gone.set(instance, 0);
	}

	/** Gives everybody who has gone, and is nobody's to clear up after, to this one. */
	function claim(): string[] {
		const now = clock.now();
		const claimed: string[] = [];
		for (const [instance, until] of gone) {
			if (until > now) continue;
			gone.set(instance, now + CLAIM);
			claimed.push(instance);
		}
		return claimed;
	}

	return {
		methods: {
			beat(peer, ttl: number): Beat {
				const now = clock.now();
				const { instance } = peer;
				peers.set(instance, peer);
				// One that nobody has noticed yet goes on.
				for (const [other, until] of leases) if (until <= now && other !== instance) end(other);
				if (gone.has(instance)) return { lease: 'over', gone: claim() };
				const lease = leases.has(instance) ? 'renewed' : 'begun';
				leases.set(instance, now + ttl);
				return { lease, gone: claim() };
			},
			cleared: (_peer, instance: string) => void gone.delete(instance),
			leave: (peer) => end(peer.instance),
			alive: () => [...leases.keys()].filter((instance) => leases.get(instance)! > clock.now()),
			send(_peer, instance: string, message: string) {
				const to = [peers, standIns].flatMap((each) => each.get(instance) ?? []);
				for (const one of to) one.tell('instances', message);
				return to.length > 0;
			},
			standIn: (peer, instance: string) => void standIns.set(instance, peer),
			standDown(peer, instance: string) {
				if (standIns.get(instance) === peer) standIns.delete(instance);
			}
		},
		gone(peer) {
			end(peer.instance);
			peers.delete(peer.instance);
			for (const [instance, to] of standIns) if (to === peer) standIns.delete(instance);
		}
	};
}

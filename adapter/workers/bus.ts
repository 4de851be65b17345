/** Passes what is published to ephemeral topics on to the other workers that follow them. */

import { TAB } from '../../plugins/frame-text.ts';
import type { Peer, SharedPort } from './hub.ts';

export function sharedBus(): SharedPort {
	const followers = new Map<string, Set<Peer>>();

	function unfollow(peer: Peer, topic: string): void {
		const peers = followers.get(topic);
		peers?.delete(peer);
		if (peers?.size === 0) followers.delete(topic);
	}

	return {
		lines: {
			E(peer, line) {
				const topic = line.slice(2, line.indexOf(TAB, 2));
				for (const follower of followers.get(topic) ?? []) {
					if (follower !== peer) follower.write(line);
				}
			}
		},
		methods: {
			follow(peer, topic: string) {
				followers.set(topic, (followers.get(topic) ?? new Set()).add(peer));
			},
			unfollow
		},
		gone(peer) {
			for (const topic of [...followers.keys()]) unfollow(peer, topic);
		}
	};
}

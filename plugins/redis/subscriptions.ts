/** The channels that this instance hears, over a connection that is watched. */

import type { Clock } from 'svelte-realtime/kernel';
import type { Link } from './link.ts';

export interface SubscriptionsOptions {
	readonly link: Link;
	readonly clock: Clock;
	receive(channel: string, message: string): void;
	/** All channels are heard again; what came meanwhile was missed. */
	resumed(): void;
	report(error: unknown): void;
}

export interface Subscriptions {
	/** Resolves when the channel is heard; at once where Redis is down: it is heard once that is back. */
	add(channel: string): Promise<void>;
	remove(channel: string): void;
}

/** Channels that one command names. */
const CHUNK = 500;
/** Milliseconds between two questions to the other end, and to the answer. */
const SILENCE = 10_000;
const PATIENCE = 5000;

export function createSubscriptions(options: SubscriptionsOptions): Subscriptions {
	const { link, clock, report } = options;
	const { client } = link;
	const channels = new Set<string>();
	let heard = 0;

	client.on('message', (channel: string, message: string) => {
		heard = clock.now();
		try {
			options.receive(channel, message);
		} catch (error) {
			// What somebody else has written there.
			report(error);
		}
	});

	link.onUp(() => {
		const all = [...channels];
		const parts = [];
		for (let at = 0; at < all.length; at += CHUNK) {
			parts.push(client.subscribe(...all.slice(at, at + CHUNK)));
		}
		Promise.all(parts).then(options.resumed, (error: unknown) => {
			report(error);
			link.renew();
		});
	});

	// A connection that is dead on the way shows nothing by itself.
	clock.every(SILENCE, () => {
		if (!link.isUp || clock.now() - heard < SILENCE) return;
		const cancel = clock.after(PATIENCE, () => link.renew());
		client.ping().then(cancel, cancel);
	});

	return {
		async add(channel) {
			channels.add(channel);
			if (!link.isUp) return;
			await client.subscribe(channel);
		},
		remove(channel) {
			channels.delete(channel);
			if (link.isUp) client.unsubscribe(channel).catch(report);
		}
	};
}

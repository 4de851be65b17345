/** The channels that this instance hears, over a connection that is watched. */

import type { Clock, MaybePromise } from 'svelte-realtime/kernel';
import { outageOf } from '../redis-failures.ts';
import type { Link } from './link.ts';

export interface SubscriptionsOptions {
	readonly link: Link;
	readonly clock: Clock;
	receive(channel: string, message: string): void;
	/**
	 * All channels are heard again; what came meanwhile was missed. What it returns resolves when that is
	 * made up for: until then the connection counts as down. Where it fails it is called again.
	 */
	resumed(): MaybePromise<void>;
	report(error: unknown): void;
}

export interface Subscriptions {
	/** Resolves when the channel is heard; at once where Redis is down: it is heard once that is back. */
	add(channel: string): Promise<void>;
	remove(channel: string): void;
}

/** For the plugin `redis` itself. */
export interface HearingOptions extends SubscriptionsOptions {
	/** Whether these are channels of the slots of a Cluster. */
	readonly isSharded: boolean;
	/** Hears whether nothing is missed. */
	stands(isLive: boolean): void;
	/** Whether somebody else sees to it that a channel is heard: `renew()` is called once it can be. */
	isMoved?(error: unknown): boolean;
}

export interface Hearing extends Subscriptions {
	readonly size: number;
	/** Subscribes to all channels again. */
	renew(): void;
	close(): void;
}

/** Channels that one command names. */
const CHUNK = 500;
/** Milliseconds between two questions to the other end, and to the answer. */
const SILENCE = 10_000;
const PATIENCE = 5000;
/** Milliseconds before what was missed is asked for again, at first and at the most. */
const PAUSE = 1000;
const LONGEST = 16_000;

export function createHearing(options: HearingOptions): Hearing {
	const { link, clock, report, isSharded, stands } = options;
	const { client } = link;
	const channels = new Set<string>();
	let heard = 0;
	let cancelAgain: () => void = () => {};

	client.on(isSharded ? 'smessage' : 'message', (channel: string, message: string) => {
		heard = clock.now();
		try {
			options.receive(channel, message);
		} catch (error) {
			// What somebody else has written there.
			report(error);
		}
	});

	/** Channels of different slots cannot stand in one command. */
	function subscribe(all: readonly string[]): Promise<unknown> {
		if (isSharded) return Promise.all(all.map((channel) => client.ssubscribe(channel)));
		const parts = [];
		for (let at = 0; at < all.length; at += CHUNK) {
			parts.push(client.subscribe(...all.slice(at, at + CHUNK)));
		}
		return Promise.all(parts);
	}

	/** What belongs to a connection of before must not say that this one is live. */
	let era = {};
	async function resume(): Promise<void> {
		cancelAgain();
		const mine = (era = {});
		try {
			await subscribe([...channels]);
		} catch (error) {
			if (mine !== era || !link.isUp || options.isMoved?.(error)) return;
			report(error);
			return link.renew();
		}
		await catchUp(mine, PAUSE);
	}

	async function catchUp(mine: object, pause: number): Promise<void> {
		if (mine !== era) return;
		try {
			await options.resumed();
			if (mine === era) stands(true);
		} catch (error) {
			report(error);
			if (mine !== era) return;
			const next = Math.min(2 * pause, LONGEST);
			cancelAgain = clock.after(pause, () => void catchUp(mine, next));
		}
	}

	const forgets = [
		link.onUp(() => void resume()),
		link.onDown(() => {
			era = {};
			cancelAgain();
			stands(false);
		}),
		// A connection that is dead on the way shows nothing by itself.
		clock.every(SILENCE, () => {
			if (!link.isUp || clock.now() - heard < SILENCE) return;
			const cancel = clock.after(PATIENCE, () => link.renew());
			client.ping().then(cancel, cancel);
		})
	];

	return {
		get size() {
			return channels.size;
		},
		async add(channel) {
			channels.add(channel);
			if (!link.isUp) return;
			try {
				await subscribe([channel]);
			} catch (error) {
				// Whether it is heard is not known: over a new connection all of them are.
				if (link.isUp && outageOf(error) !== undefined && !options.isMoved) link.renew();
				throw error;
			}
		},
		remove(channel) {
			channels.delete(channel);
			if (!link.isUp) return;
			const ended = isSharded ? client.sunsubscribe(channel) : client.unsubscribe(channel);
			ended.catch((error: unknown) => {
				// What is lost with its connection is not heard any more, either.
				if (outageOf(error) === undefined) report(error);
			});
		},
		renew: () => void resume(),
		close() {
			for (const forget of forgets) forget();
			cancelAgain();
		}
	};
}

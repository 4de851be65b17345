/** Channels of a Cluster: each is heard at the server that has its slot, wherever that moves. */

import type { ClusterLink } from './cluster.ts';
import type { Link } from './link.ts';
import {
	createHearing,
	type Hearing,
	type HearingOptions,
	type Subscriptions
} from './subscriptions.ts';

export interface ShardedOptions extends Omit<HearingOptions, 'isSharded'> {
	readonly cluster: ClusterLink;
	/** How the connections are called in CLIENT LIST. */
	readonly name: string;
}

interface Server {
	readonly link: Link;
	readonly hearing: Hearing;
	isLive: boolean;
	/** It has let go of channels, of which some may be its own again. */
	isStale: boolean;
}

/** Attempts to subscribe to a channel while its slot moves. */
const ATTEMPTS = 20;
/** Milliseconds between them. */
const PAUSE = 100;

export function createSharded(options: ShardedOptions): Subscriptions {
	const { cluster, clock, name, report } = options;
	const servers = new Map<string, Server>();
	/** Channel → the server at which it is heard; undefined while nobody has its slot. */
	const channels = new Map<string, string | undefined>();
	const unplaced = new Set<string>();

	function stand(): void {
		options.stands(unplaced.size === 0 && [...servers.values()].every(({ isLive }) => isLive));
	}

	function place(channel: string): string | undefined {
		const address = cluster.serverOf(channel);
		channels.set(channel, address);
		if (address === undefined) unplaced.add(channel);
		else unplaced.delete(channel);
		return address;
	}

	function serverAt(address: string): Server {
		const existing = servers.get(address);
		if (existing) return existing;
		const link = cluster.connectTo(address, name);
		// A slot has left it, and took its channels along.
		link.client.on('moved', () => {
			server.isStale = true;
			cluster.refresh();
		});
		const hearing = createHearing({
			...options,
			link,
			isSharded: true,
			report: (error) => {
				if (!isMoved(error)) report(error);
			},
			isMoved(error) {
				if (!isMoved(error)) return false;
				server.isStale = true;
				clock.after(PAUSE, () => cluster.refresh());
				return true;
			},
			stands(isLive) {
				server.isLive = isLive;
				stand();
			}
		});
		// A connection that is being made for the first channel of it is no outage.
		const server: Server = { link, hearing, isLive: true, isStale: false };
		servers.set(address, server);
		void link.tried.then(() => {
			server.isLive &&= link.isUp;
			stand();
		});
		return server;
	}

	/** Hears each channel where its slot is now. */
	function assign(): void {
		const moved: Promise<void>[] = [];
		for (const [channel, before] of channels) {
			const now = place(channel);
			if (now === before) continue;
			if (before !== undefined) servers.get(before)?.hearing.remove(channel);
			if (now !== undefined) moved.push(hear(channel, now));
		}
		// Once for all of them: what came meanwhile was missed.
		if (moved.length > 0) Promise.all(moved).then(options.resumed).catch(report);
		const used = new Set(channels.values());
		for (const [address, { hearing, link }] of servers) {
			if (used.has(address)) continue;
			servers.delete(address);
			hearing.close();
			link.close();
		}
		for (const server of servers.values()) {
			if (!server.isStale) continue;
			server.isStale = false;
			if (server.link.isUp) server.hearing.renew();
		}
		stand();
	}

	async function hear(channel: string, address: string): Promise<void> {
		const { hearing, link } = serverAt(address);
		for (let attempt = 1; channels.get(channel) === address; attempt += 1) {
			try {
				await link.tried;
				await hearing.add(channel);
				return;
			} catch (error) {
				if (channels.get(channel) !== address || !link.isUp) return;
				if (!isMoved(error) || attempt === ATTEMPTS) throw error;
				cluster.refresh();
				await new Promise<void>((resolve) => clock.after(PAUSE, resolve));
			}
		}
	}

	cluster.onTopology(assign);
	return {
		async add(channel) {
			const address = place(channel);
			if (address !== undefined) await hear(channel, address);
			stand();
		},
		remove(channel) {
			const address = channels.get(channel);
			channels.delete(channel);
			unplaced.delete(channel);
			if (address !== undefined) servers.get(address)?.hearing.remove(channel);
			stand();
		}
	};
}

function isMoved(error: unknown): boolean {
	return error instanceof Error && /^(MOVED|CLUSTERDOWN|ASK|TRYAGAIN) /.test(error.message);
}

/** `presence.store` in Redis: each change of a topic is made, numbered and broadcast in one step. */

import { randomId, type Clock, type ValueCodec } from 'svelte-realtime/kernel';
import type {
	Followed,
	Member,
	PresenceStore,
	Roster,
	RosterListener
} from 'svelte-realtime/plugins/presence';
import type { RedisBackend } from 'svelte-realtime/plugins/redis';
import { pipelined } from '../redis-pipeline.ts';
import { leaseKeys } from './keys.ts';
import { Leases } from './leases.ts';
import { Putting } from './putting.ts';
import { createReach } from './reach.ts';
import { TopicRoster } from './roster.ts';
import { read, reserve, takeOut } from './scripts.ts';
import { Topics, type Topic } from './topic.ts';
import { readRoster, readTold } from './wire.ts';

export interface RedisPresenceOptions {
	readonly redis: RedisBackend;
	readonly clock: Clock;
	readonly values: ValueCodec;
	readonly instance: string;
	report(error: unknown): void;
}

export interface RedisPresence extends Required<PresenceStore> {
	/** Resolves when its connection has been tried. */
	readonly tried: Promise<void>;
	close(): Promise<void>;
}

/** Members that one step takes out for an instance that is gone. */
const CHUNK = 500;
/** Milliseconds that a broadcast may be on its way. */
const PATIENCE = 1000;
/** Milliseconds after an outage for which the others may renew their leases, which have ended in it. */
const SETTLE = 5000;

export function redisPresenceStore(options: RedisPresenceOptions): RedisPresence {
	const { redis, clock, values, instance } = options;
	const reach = createReach(options);
	const { run, tell } = reach;
	const topics = new Topics(redis.prefix);
	const byChannel = new Map<string, Topic>();
	let stopReaping: (() => void) | undefined;

	const leases = new Leases({
		keys: leaseKeys(redis.prefix),
		instance,
		run,
		async takeOut(name, lease) {
			const { keys } = topics.look(name);
			const args = [redis.broadcast, keys.channel, randomId(), lease, CHUNK];
			return Number(await run((client) => takeOut(client, keys.of(lease), args)));
		},
		report: tell
	});
	const putting = new Putting({ redis, values, topics, leases, reach });

	// --- how topics stand ---

	const link = redis.connect('presence');
	const subscriptions = redis.subscribe({
		link,
		receive: (channel, message) =>
			byChannel.get(channel)?.roster?.receive(readTold(message, values)),
		resumed: () => {
			for (const { roster } of byChannel.values()) void roster?.catchUp();
		}
	});

	/** @param fresh Epoch of a topic that has none; '' where it is to have none. */
	async function readTopic({ keys }: Topic, fresh: string): Promise<Roster> {
		const args = [redis.broadcast, keys.channel, fresh];
		return readRoster(await run((client) => read(client, keys.read, args)), values);
	}

	/** Asks Redis; where it cannot be asked, what is known here answers. */
	async function asked<T>(
		name: string,
		ask: (topic: Topic) => Promise<T>,
		guess: (members: readonly Member[]) => T
	): Promise<T> {
		const topic = topics.look(name);
		try {
			return await ask(topic);
		} catch (error) {
			tell(error);
			return guess(topic.roster?.now.members ?? [...topic.own.values()]);
		}
	}

	async function begin(topic: Topic, roster: TopicRoster): Promise<void> {
		byChannel.set(topic.keys.channel, topic);
		// Where that fails the connection is made anew, and everything is heard and read again.
		await subscriptions.add(topic.keys.channel).catch(tell);
		await roster.catchUp();
	}

	async function follow(name: string, listener: RosterListener): Promise<Followed> {
		const topic = topics.open(name);
		topic.followers += 1;
		if (topic.roster === undefined) {
			topic.roster = new TopicRoster({
				read: () => readTopic(topic, randomId()),
				unsaved: () => (topic.isUnsaved || reach.isAway ? [...topic.own.values()] : []),
				seen: (epoch) => putting.seen(topic, epoch),
				failed: tell
			});
			topic.ready = begin(topic, topic.roster);
		}
		const { roster } = topic;
		await topic.ready;
		const stop = roster.listen(listener);
		let isOver = false;
		return {
			roster: roster.now,
			close() {
				if (isOver) return;
				isOver = true;
				stop();
				topic.followers -= 1;
				if (topic.followers > 0) return;
				topic.roster = undefined;
				byChannel.delete(topic.keys.channel);
				subscriptions.remove(topic.keys.channel);
				topics.settle(topic);
			}
		};
	}

	// --- the lease ---

	/** Compares what is followed, or put, with Redis: a last change may have been lost, or the data. */
	async function check(): Promise<void> {
		const all = topics.all().filter(({ roster, epoch }) => roster || epoch !== '');
		const questions = all.map(({ keys }) => ['hmget', keys.meta, 'e', 's'] as const);
		const answers = await run((client) => pipelined(client, questions));
		for (const [index, [error, value]] of answers.entries()) {
			if (error) {
				tell(error);
				continue;
			}
			const [epoch, seq] = value as [string | null, string | null];
			const { roster } = all[index]!;
			if (roster) doubt(roster, epoch ?? '', Number(seq));
			putting.seen(all[index]!, epoch ?? '');
		}
	}

	/** What was broadcast just now may be on its way still. */
	function doubt(roster: TopicRoster, epoch: string, seq: number): void {
		if (!roster.lacks(epoch, seq)) return;
		clock.after(PATIENCE, () => {
			if (roster.isHeard && roster.lacks(epoch, seq)) void roster.catchUp();
		});
	}

	/** @param due Milliseconds until the next lease of another instance ends; -1: there is none. */
	async function reap(ttl: number, due: number, wasAway: boolean): Promise<void> {
		stopReaping?.();
		if (due === 0 && !wasAway) await leases.reap(ttl);
		if (due < 0) return;
		// In an outage all leases end, and who comes back first is not alone.
		const wait = wasAway ? Math.max(due, SETTLE) : due || ttl;
		stopReaping = clock.after(wait + 1, () => void leases.reap(ttl).catch(tell));
	}

	return {
		tried: link.tried,
		async apply(name, changes) {
			const topic = topics.open(name);
			for (const key of changes.removes) topic.own.delete(key);
			for (const member of changes.puts) topic.own.set(member.key, member);
			return putting.apply(topic, changes);
		},
		list: (name) =>
			asked(
				name,
				async (topic) => (await readTopic(topic, '')).members,
				(members) => members
			),
		count: (name) =>
			asked(
				name,
				({ keys }) => run((client) => client.hlen(keys.holders)),
				(members) => members.length
			),
		follow,
		async beat(ttl) {
			const { isRenewed, due, lease } = await leases.beat(ttl);
			const wasAway = reach.reached();
			try {
				await reap(ttl, due, wasAway);
				await putting.leaveEmpty(lease);
				await check();
			} catch (error) {
				tell(error);
			}
			return isRenewed;
		},
		async reserve(name, key, places, ttl) {
			const { keys } = topics.look(name);
			const all = [keys.holders, keys.places];
			return (await run((client) => reserve(client, all, [key, places, ttl]))) === 1;
		},
		onReturn: reach.onReturn,
		async close() {
			reach.close();
			stopReaping?.();
			try {
				if (leases.current) await putting.leaveEmpty(leases.current);
				await leases.end();
			} catch (error) {
				tell(error);
			}
		}
	};
}

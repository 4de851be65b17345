/** Gives Redis what this instance changes: for each topic one after the other. */

import { LiveError, randomId, type ValueCodec } from 'svelte-realtime/kernel';
import type { Changes } from 'svelte-realtime/plugins/presence';
import type { RedisBackend } from 'svelte-realtime/plugins/redis';
import type { Lease, Leases } from './leases.ts';
import type { Reach } from './reach.ts';
import { change } from './scripts.ts';
import type { Topic, Topics } from './topic.ts';
import { writeMember } from './wire.ts';

export interface PuttingOptions {
	readonly redis: Pick<RedisBackend, 'broadcast'>;
	readonly values: ValueCodec;
	readonly topics: Topics;
	readonly leases: Leases;
	readonly reach: Reach;
}

/** Members that one step puts or removes. */
const STEP = 1000;

export class Putting {
	readonly #options: PuttingOptions;

	constructor(options: PuttingOptions) {
		this.#options = options;
	}

	/** @returns false where the lease has ended. */
	async apply(topic: Topic, changes: Changes): Promise<boolean> {
		topic.waiting += 1;
		const result = topic.last.then(() => this.#put(topic, changes));
		topic.last = result.catch(() => {});
		try {
			return await result;
		} finally {
			topic.waiting -= 1;
			this.#options.topics.settle(topic);
		}
	}

	/** The topic was seen in an epoch: what was put in one before may be missing in another. */
	seen(topic: Topic, epoch: string, isComplete: boolean = false): void {
		const isOther = topic.epoch !== '' && epoch !== topic.epoch;
		if (topic.entered !== '') topic.epoch = epoch;
		if (!isOther || isComplete || topic.own.size === 0) return;
		const again = { puts: [...topic.own.values()], removes: [] };
		this.apply(topic, again).catch(this.#options.reach.tell);
	}

	/** Forgets the topics in which this instance has no members any more. */
	async leaveEmpty(lease: Lease): Promise<void> {
		const { topics, leases } = this.#options;
		const left: string[] = [];
		for (const topic of topics.all()) {
			const { own, waiting, entered, name } = topic;
			if (own.size > 0 || waiting > 0 || entered === '') continue;
			// Those of a lease that has ended are cleared up by whoever has found that out.
			if (entered === lease.name) left.push(name);
			topic.entered = '';
			topic.epoch = '';
			topics.settle(topic);
		}
		if (left.length > 0) await leases.leave(lease, left);
	}

	async #put(topic: Topic, changes: Changes): Promise<boolean> {
		const { leases, reach } = this.#options;
		const lease = leases.current;
		try {
			if (lease === undefined && reach.isAway) throw new LiveError('SERVICE_UNAVAILABLE');
			const isTaken = lease !== undefined && (await this.#putAs(lease, topic, changes));
			if (lease && !isTaken) leases.lost(lease);
			topic.isUnsaved = !isTaken;
			if (topic.roster?.isLocal) void topic.roster.catchUp();
			return isTaken;
		} catch (error) {
			topic.isUnsaved = true;
			topic.roster?.changeAlone(changes);
			throw error;
		}
	}

	async #putAs(lease: Lease, topic: Topic, { puts, removes }: Changes): Promise<boolean> {
		const { redis, values, leases, reach } = this.#options;
		const { name, keys } = topic;
		if (topic.entered !== lease.name) {
			if (!(await leases.enter(lease, name))) return false;
			topic.entered = lease.name;
			topic.epoch = '';
		}
		const most = Math.max(puts.length, removes.length);
		for (let at = 0; at < most; at += STEP) {
			const some = puts.slice(at, at + STEP);
			const about = [redis.broadcast, keys.channel, randomId(), lease.name, lease.ends];
			const texts = some.flatMap((member) => [member.key, writeMember(member, values)]);
			const args = [...about, some.length, ...texts, ...removes.slice(at, at + STEP)];
			const answer = await reach.run((client) => change(client, keys.of(lease.name), args));
			const [isTaken, epoch] = answer as [0 | 1, string];
			if (isTaken === 0) return false;
			this.seen(topic, epoch, puts.length >= topic.own.size);
		}
		return true;
	}
}

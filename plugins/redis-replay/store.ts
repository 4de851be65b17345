/**
 * What is known of the store as a whole: its name, when everything in it was last renewed, and
 * whether an instance has gone that may have delivered what is not in it.
 */

import { randomId } from 'svelte-realtime/kernel';
import type { RedisBackend } from 'svelte-realtime/plugins/redis';
import { RUN_OF } from '../redis-run.ts';
import { script, type Script } from '../redis-script.ts';
import type { StoreKeys } from './keys.ts';

/**
 * Says that this instance is here, and looks who is not any more. Keys: the store, who was seen.
 *
 * One that has gone while the store was there the whole time has left nothing behind. One that has
 * gone while it was not, by a restart or by a break that this instance has had itself, may have
 * delivered frames that nobody else has: then everything is renewed.
 *
 * ARGV: instance, name for a store without one, run id, milliseconds of the store's time at which this
 * instance came back (0 = it comes back now), whether it had been there before, milliseconds, whether
 * everything is to be renewed in any case.
 *
 * @returns name, renewal, the store's time.
 */
const look: Script = script(`
${RUN_OF}
local store, seen = KEYS[1], KEYS[2]
local me, run, back = ARGV[1], run_of(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if back == 0 then back = now end
redis.call('HSETNX', store, 'i', ARGV[2])
local isDue = ARGV[7] == '1'
local all = redis.call('HGETALL', seen)
for i = 1, #all, 2 do
	local at, by = string.match(all[i + 1], '^(%d+) (%w+)$')
	at = tonumber(at)
	if all[i] ~= me and now - math.max(at, back) > tonumber(ARGV[6]) then
		if by ~= run or (ARGV[5] == '1' and at < back) then isDue = true end
		redis.call('HDEL', seen, all[i])
	end
end
redis.call('HSET', seen, me, string.format('%d', now) .. ' ' .. run)
local state = redis.call('HMGET', store, 'i', 'n')
local renewal = tonumber(state[2] or '0')
if isDue then
	renewal = math.max(now, renewal + 1)
	redis.call('HSET', store, 'n', string.format('%d', renewal))
end
return { state[1], string.format('%d', renewal), string.format('%d', now) }
`);

export interface StoreOptions {
	readonly redis: RedisBackend;
	readonly instance: string;
	readonly keys: StoreKeys;
	/** Milliseconds after which an instance that was not seen has gone. */
	readonly silence: number;
	/** Everything was renewed, or the store is another. */
	changed(): void;
}

export class Store {
	readonly #options: StoreOptions;
	#name: string = randomId();
	#renewal: string = '0';
	/** When this instance came back, by the store's time. */
	#back: string = '0';
	#wasThere: boolean = false;
	#isBroken: boolean = false;

	constructor(options: StoreOptions) {
		this.#options = options;
	}

	/** Rises each time that everything is renewed: a topic that was written before it begins anew. */
	get renewal(): string {
		return this.#renewal;
	}

	/** The epoch of a topic that nobody has published to, for as long as the store is the same. */
	get unpublished(): string {
		return `~${this.#name}.${this.#renewal}`;
	}

	/** The way to it is lost. */
	lost(): void {
		if (this.#back === '0') return;
		this.#isBroken = true;
		this.#back = '0';
	}

	/** @param isDue Whether everything is to be renewed, whatever else is found. */
	async look(isDue: boolean = false): Promise<void> {
		const { redis, instance, keys, silence } = this.#options;
		const back = this.#back;
		const answer = await redis.run('log', (client) =>
			look(
				client,
				[keys.store, keys.seen],
				[
					instance,
					randomId(),
					redis.commands.run,
					back,
					this.#isBroken ? 1 : 0,
					silence,
					isDue ? 1 : 0
				]
			)
		);
		const [name, renewal, now] = answer as [string, string, string];
		if (this.#back === back && back === '0') this.#back = now;
		const isOther = name !== this.#name || renewal !== this.#renewal;
		this.#name = name;
		this.#renewal = renewal;
		if (isOther && this.#wasThere) this.#options.changed();
		this.#wasThere = true;
	}

	/** This instance has nothing that the store does not have, and goes. */
	async leave(): Promise<void> {
		const { redis, instance, keys } = this.#options;
		await redis.run('log', (client) => client.hdel(keys.seen, instance));
	}
}

/**
 * Things with an id, in the order in which they came: in memory, or in Redis, where every instance of
 * the app finds them.
 */

import { Redis } from 'ioredis';
import { LiveError } from 'svelte-realtime';

export interface Thing {
	readonly id: string;
}

export interface Records<T extends Thing> {
	/** In the order in which they were added. */
	list(): Promise<readonly T[]>;
	find(id: string): Promise<T | undefined>;
	/** Adds one, or replaces that of its id. `gone` had to give way; not `isAdded`: there is no room. */
	add(thing: T): Promise<{ readonly isAdded: boolean; readonly gone: readonly T[] }>;
	/** How it was and how it is, or `undefined` where somebody has removed it. */
	change(
		id: string,
		changes: Partial<Omit<T, 'id'>>
	): Promise<{ readonly before: T; readonly after: T } | undefined>;
	/** What was removed, or `undefined` where there was no such thing. */
	remove(id: string): Promise<T | undefined>;
}

export interface RecordsOptions {
	/** How many there are at most. */
	readonly most: number;
	/** What becomes of one more. */
	readonly full: 'refuse' | 'drop oldest';
}

/** @throws {LiveError} SERVICE_UNAVAILABLE from everything that they do, while Redis is away. */
export function records<T extends Thing>(name: string, options: RecordsOptions): Records<T> {
	const url = process.env['REDIS_URL'];
	return url ? shared(connection(url), name, options) : local(options);
}

function local<T extends Thing>({ most, full }: RecordsOptions): Records<T> {
	const things = new Map<string, T>();
	return {
		list: async () => [...things.values()],
		find: async (id) => things.get(id),
		async add(thing) {
			if (full === 'refuse' && things.size >= most && !things.has(thing.id)) {
				return { isAdded: false, gone: [] };
			}
			things.set(thing.id, thing);
			const gone = [...things.values()].slice(0, Math.max(0, things.size - most));
			for (const { id } of gone) things.delete(id);
			return { isAdded: true, gone };
		},
		async change(id, changes) {
			const before = things.get(id);
			if (!before) return undefined;
			const after = { ...before, ...changes };
			things.set(id, after);
			return { before, after };
		},
		async remove(id) {
			const thing = things.get(id);
			things.delete(id);
			return thing;
		}
	};
}

// --- Redis ---

const ADD = /* lua */ `
-- KEYS: things, order. ARGV: id, thing, most, full.
local isKnown = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1
if ARGV[4] == 'refuse' and not isKnown and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
	return false
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if not isKnown then
	local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
	redis.call('ZADD', KEYS[2], tonumber(last[2] or 0) + 1, ARGV[1])
end
local gone = {}
while redis.call('HLEN', KEYS[1]) > tonumber(ARGV[3]) do
	local oldest = redis.call('ZPOPMIN', KEYS[2])
	gone[#gone + 1] = redis.call('HGET', KEYS[1], oldest[1])
	redis.call('HDEL', KEYS[1], oldest[1])
end
return gone
`;

const CHANGE = /* lua */ `
-- KEYS: things. ARGV: id, changes.
local before = redis.call('HGET', KEYS[1], ARGV[1])
if not before then return false end
local thing = cjson.decode(before)
for name, value in pairs(cjson.decode(ARGV[2])) do thing[name] = value end
local after = cjson.encode(thing)
redis.call('HSET', KEYS[1], ARGV[1], after)
return { before, after }
`;

const REMOVE = /* lua */ `
-- KEYS: things, order. ARGV: id.
local thing = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return thing
`;

let client: Redis | undefined;

/** One for all; a command that cannot be sent fails, instead of waiting for Redis to come back. */
function connection(url: string): Redis {
	client ??= new Redis(url, {
		maxRetriesPerRequest: 1,
		commandTimeout: 1500,
		// As soon as Redis is back: the pages are told that it is by others.
		retryStrategy: () => 100
	});
	// Each command that fails says so itself.
	if (client.listenerCount('error') === 0) client.on('error', () => {});
	return client;
}

function shared<T extends Thing>(
	redis: Redis,
	name: string,
	{ most, full }: RecordsOptions
): Records<T> {
	const things = `playground:{${name}}:things`;
	const order = `playground:{${name}}:order`;
	const read = (text: unknown): T => JSON.parse(text as string) as T;

	async function answered<A>(command: Promise<A>): Promise<A> {
		try {
			return await command;
		} catch (cause) {
			const message = 'The playground cannot reach its store.';
			throw new LiveError('SERVICE_UNAVAILABLE', message, { cause });
		}
	}

	return {
		async list() {
			const ids = await answered(redis.zrange(order, '0', '-1'));
			if (ids.length === 0) return [];
			const texts = await answered(redis.hmget(things, ...ids));
			return texts.filter((text) => text !== null).map(read);
		},
		async find(id) {
			const text = await answered(redis.hget(things, id));
			return text === null ? undefined : read(text);
		},
		async add(thing) {
			const args = [thing.id, JSON.stringify(thing), String(most), full];
			const gone = (await answered(redis.eval(ADD, 2, things, order, ...args))) as unknown[] | null;
			return { isAdded: gone !== null, gone: (gone ?? []).map(read) };
		},
		async change(id, changes) {
			const found = (await answered(redis.eval(CHANGE, 1, things, id, JSON.stringify(changes)))) as
				unknown[] | null;
			return found ? { before: read(found[0]), after: read(found[1]) } : undefined;
		},
		async remove(id) {
			const text = await answered(redis.eval(REMOVE, 2, things, order, id));
			return text === null ? undefined : read(text);
		}
	};
}

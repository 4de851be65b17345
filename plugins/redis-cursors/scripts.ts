/** What Redis does in one step. Keys: cursors by their key, and when each was saved last. Time is its own. */

import { script, type Script } from '../redis-script.ts';

const NOW = /* lua */ `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** Cursors that are let go at once: what is left goes with the next change. */
const AT_ONCE = 1000;

/**
 * ARGV: milliseconds that a cursor is kept, how many puts; for each its key and its text; then keys
 * to remove.
 */
export const save: Script = script(/* lua */ `
${NOW}
local cursors, saved, kept = KEYS[1], KEYS[2], tonumber(ARGV[1])
redis.call('HLEN', cursors) -- a key of another type refuses the whole
for _, key in ipairs(redis.call('ZRANGEBYSCORE', saved, '-inf', now - kept, 'LIMIT', 0, ${AT_ONCE})) do
	redis.call('ZREM', saved, key)
	redis.call('HDEL', cursors, key)
end
local first = 3 + 2 * tonumber(ARGV[2])
for i = first, #ARGV do
	redis.call('ZREM', saved, ARGV[i])
	redis.call('HDEL', cursors, ARGV[i])
end
for i = 3, first - 1, 2 do
	redis.call('ZADD', saved, now, ARGV[i])
	redis.call('HSET', cursors, ARGV[i], ARGV[i + 1])
end
redis.call('PEXPIRE', saved, kept)
redis.call('PEXPIRE', cursors, kept)
`);

/**
 * ARGV: milliseconds that a cursor is kept.
 *
 * @returns all cursors, and the keys of those that are none any more.
 */
export const list: Script = script(/* lua */ `
${NOW}
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[1]))
return { redis.call('HGETALL', KEYS[1]), gone }
`);

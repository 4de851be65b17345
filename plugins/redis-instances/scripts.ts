/** What Redis does in one step. Keys: leases by when they end, the gone by when they may be claimed. */

import { script, type Script } from '../redis-script.ts';

/** Milliseconds that who has claimed an instance has to clear up after it. */
const CLAIM = 60_000;
/** Instances that are claimed at once: the rest of a fleet that went is left to others. */
const AT_ONCE = 8;

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * ARGV: instance, milliseconds.
 *
 * @returns 2 = renewed, 1 = begun, 0 = over; then those that are claimed.
 */
export const beat: Script = script(`
${NOW}
local alive, gone, id = KEYS[1], KEYS[2], ARGV[1]
for _, ended in ipairs(redis.call('ZRANGEBYSCORE', alive, '-inf', now, 'LIMIT', 0, 100)) do
	if ended ~= id then
		redis.call('ZREM', alive, ended)
		redis.call('ZADD', gone, 'NX', 0, ended)
	end
end
local lease = 0
if not redis.call('ZSCORE', gone, id) then
	lease = 2 - redis.call('ZADD', alive, now + ARGV[2], id)
end
local claimed = redis.call('ZRANGEBYSCORE', gone, '-inf', now, 'LIMIT', 0, ${AT_ONCE})
for _, one in ipairs(claimed) do redis.call('ZADD', gone, now + ${CLAIM}, one) end
return { lease, claimed }
`);

/** @returns those whose lease runs. */
export const alive: Script = script(`
${NOW}
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
`);

/** ARGV: instance. Its lease ends, and whoever beats next clears up after it. */
export const leave: Script = script(`
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then redis.call('ZADD', KEYS[2], 'NX', 0, ARGV[1]) end
`);

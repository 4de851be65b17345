/** What Redis does in one step to leases. Time is its own. */

import { script, type Script } from '../redis-script.ts';

/** Milliseconds that an instance has to put its members again under a new lease. */
const AGAIN = 5000;

const NOW = /* lua */ `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * Renews a lease, or begins another where it has ended or is not known.
 *
 * KEYS: leases, claims. ARGV: the latest lease or '', the one to begin, milliseconds, the lease
 * that is to be renewed or ''.
 *
 * @returns 1 where it was renewed; when it ends; in how many milliseconds the next of the others does,
 * or -1 where there are none.
 */
export const renew: Script = script(/* lua */ `
${NOW}
local leases, claims, lease, fresh = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local ends = now + ARGV[3]
local known = lease ~= '' and redis.call('ZSCORE', leases, lease)
-- One that has ended and that nobody has claimed has lost nothing.
local isRunning = known and ARGV[4] == lease
if isRunning then
	redis.call('ZADD', leases, ends, lease)
else
	redis.call('ZADD', leases, ends, fresh)
	-- What it has put may be there still; its instance puts it again before that is taken out.
	if lease ~= '' then
		redis.call('ZREM', leases, lease)
		redis.call('ZADD', claims, 'NX', now + ${AGAIN}, lease)
	end
end
local own, due = isRunning and lease or fresh, -1
for _, key in ipairs({ leases, claims }) do
	local first = redis.call('ZRANGE', key, 0, 1, 'WITHSCORES')
	local at = first[1] == own and 4 or 2
	if first[at] then
		local rest = math.max(0, tonumber(first[at]) - now)
		if due < 0 or rest < due then due = rest end
	end
end
return { isRunning and 1 or 0, ends, due }
`);

/**
 * Claims one lease that has ended, or whose claim has.
 *
 * KEYS: leases, claims. ARGV: milliseconds that the claim is good for.
 *
 * @returns the lease, or nothing.
 */
export const claim: Script = script(/* lua */ `
${NOW}
local leases, claims = KEYS[1], KEYS[2]
local lease = redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 1)[1]
if lease then redis.call('ZREM', leases, lease)
else lease = redis.call('ZRANGEBYSCORE', claims, '-inf', now, 'LIMIT', 0, 1)[1] end
if lease then redis.call('ZADD', claims, now + ARGV[1], lease) end
return lease
`);

/** Claims it for longer. KEYS: claims. ARGV: lease, milliseconds. */
export const hold: Script = script(/* lua */ `
${NOW}
return redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[1])
`);

/**
 * Notes that a lease which runs may have members in a topic.
 *
 * KEYS: leases, its topics. ARGV: lease, topic.
 *
 * @returns 0 where it has ended.
 */
export const enter: Script = script(/* lua */ `
${NOW}
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends or tonumber(ends) <= now then return 0 end
redis.call('SADD', KEYS[2], ARGV[2])
return 1
`);

/** Forgets a lease that has members nowhere. KEYS: leases, claims, its topics. ARGV: lease. */
export const forget: Script = script(/* lua */ `
if redis.call('SCARD', KEYS[3]) > 0 then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
`);

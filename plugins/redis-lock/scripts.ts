/** What Redis does with a lock in one step. */

import { script, type Script } from '../redis-script.ts';

/** Seconds for which the latest fence of a lock that nobody has is kept. */
const REMEMBERED = 24 * 60 * 60;

/**
 * Takes a lock that nobody has.
 *
 * KEYS: owner, fence. ARGV: owner, milliseconds.
 *
 * A fence is one more than the last, or the microseconds of Redis' clock where that is more: it grows
 * also where Redis has lost the last one, and no key has to be kept for every lock there ever was.
 *
 * @returns whether it was taken, the fence, and milliseconds for which somebody else has it.
 */
export const acquire: Script = script(`
local owner = redis.call('GET', KEYS[1])
local fence = tonumber(redis.call('GET', KEYS[2]) or '0')
if owner and owner ~= ARGV[1] then
	return { 0, string.format('%.0f', fence), redis.call('PTTL', KEYS[1]) }
end
if not owner then
	local time = redis.call('TIME')
	fence = math.max(fence + 1, time[1] * 1000000 + time[2])
	redis.call('SET', KEYS[2], string.format('%.0f', fence), 'EX', ${REMEMBERED})
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { 1, string.format('%.0f', fence), 0 }
`);

/** Lets the lease run on. KEYS: owner. ARGV: owner, milliseconds. @returns whether it was this owner's. */
export const renew: Script = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`);

/** Lets go, and tells who waits. KEYS: owner. ARGV: owner, command that broadcasts, channel. */
export const release: Script = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call(ARGV[2], ARGV[3], '')
return 1
`);

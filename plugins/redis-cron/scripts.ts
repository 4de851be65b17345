/** What Redis does with the runs of a job in one step. Keys: what was begun and finished, who runs. */

import { script, type Script } from '../redis-script.ts';

/** Seconds for which it is kept what ran last: longer than the clocks of instances are apart. */
const REMEMBERED = 24 * 60 * 60;

/**
 * Asks for a run. ARGV: due, owner, milliseconds of the lease, overlap, make up.
 *
 * `b` is the latest run that was begun, or left out, and `f` the latest that was finished.
 *
 * @returns 'first', 'over', or milliseconds after which to ask again.
 */
export const claim: Script = script(`
local log, runner = KEYS[1], KEYS[2]
local due, owner, ttl = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local overlap, makeUp = ARGV[4] == '1', ARGV[5] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if due > now then return due - now end
local at = redis.call('HMGET', log, 'b', 'f')
local begun, finished = tonumber(at[1] or '-1'), tonumber(at[2] or '-1')
local by = redis.call('GET', runner)
if by == owner then return 'first' end
if due <= begun then
	if not makeUp or due <= finished then return 'over' end
	if by then return math.max(redis.call('PTTL', runner), 1) end
elseif by and not overlap then
	if makeUp then return math.max(redis.call('PTTL', runner), 1) end
	redis.call('HSET', log, 'b', ARGV[1])
	return 'over'
end
redis.call('HSET', log, 'b', string.format('%.0f', math.max(due, begun)))
redis.call('EXPIRE', log, ${REMEMBERED})
redis.call('SET', runner, owner, 'PX', ttl)
return 'first'
`);

/** Lets a run go on. ARGV: owner, milliseconds. */
export const renew: Script = script(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[2], ARGV[2])
`);

/** Ends a run. ARGV: owner, due. */
export const finish: Script = script(`
local finished = tonumber(redis.call('HGET', KEYS[1], 'f') or '-1')
if tonumber(ARGV[2]) > finished then redis.call('HSET', KEYS[1], 'f', ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ${REMEMBERED})
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
`);

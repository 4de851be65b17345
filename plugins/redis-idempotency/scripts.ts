/** What Redis does in one step, by its own time. */

import { script, type Script } from '../redis-script.ts';

// --- claims: `r` (runs) or `d` (done), and the owner ---

/** KEYS: a claim. ARGV: owner, window in milliseconds. */
export const done: Script = script(`
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 2) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], 'd' .. ARGV[1], 'PX', ARGV[2])
return 1
`);

/** KEYS: a claim. ARGV: owner. */
export const free: Script = script(`
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 2) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
`);

// --- calls: a hash of the owner `o`, until when it is held `h`, and the reply `r` ---

const HOLD = `
local function hold(owner, lease, retention)
	local time = redis.call('TIME')
	local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
	local kept = redis.call('HMGET', KEYS[1], 'o', 'h', 'r')
	if kept[3] then return 'done', kept[3] end
	if kept[1] and kept[1] ~= owner then
		if tonumber(kept[2]) > now then return 'running' end
		return 'lost'
	end
	redis.call('HSET', KEYS[1], 'o', owner, 'h', string.format('%.0f', now + lease))
	redis.call('PEXPIRE', KEYS[1], retention)
	return 'first'
end
`;

/** KEYS: a call. ARGV: owner, lease and retention in milliseconds. @returns the state, and the reply. */
export const claimCall: Script = script(`${HOLD}
return { hold(ARGV[1], tonumber(ARGV[2]), ARGV[3]) }
`);

/** KEYS: a call. ARGV: owner, lease and retention in milliseconds. */
export const renewCall: Script = script(`${HOLD}
return hold(ARGV[1], tonumber(ARGV[2]), ARGV[3]) == 'first' and 1 or 0
`);

/** KEYS: a call. ARGV: owner, reply, retention in milliseconds. */
export const commitCall: Script = script(`
local owner = redis.call('HGET', KEYS[1], 'o')
if owner and owner ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'o', ARGV[1], 'h', '0')
redis.call('HSETNX', KEYS[1], 'r', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`);

/** KEYS: a call. ARGV: owner. */
export const abortCall: Script = script(`
local kept = redis.call('HMGET', KEYS[1], 'o', 'r')
if kept[1] == ARGV[1] and not kept[2] then redis.call('DEL', KEYS[1]) end
return 0
`);

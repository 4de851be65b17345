/** What Redis does in one step to the members of one topic. */

import { script, type Script } from '../redis-script.ts';

/** Milliseconds that the position of a topic without members is remembered. */
const IDLE = 24 * 60 * 60 * 1000;
/** Milliseconds for which a lease that was cleared up after is refused: the clocks of a Cluster differ. */
const REFUSED = 10 * 60 * 1000;

const NOW = /* lua */ `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * Which server runs this: another one than wrote last may lack the latest changes, so that its numbers
 * say something else. Where INFO is refused, nothing is known.
 */
const SERVER = /* lua */ `
local function server()
	local info = redis.pcall('INFO', 'server')
	return type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
end
`;

/**
 * KEYS: meta, holders, data, members of the lease, the mark that it is gone.
 * ARGV: command that broadcasts, channel, epoch to begin with, lease.
 *
 * All keys are read before one is changed: one of another type refuses the whole.
 */
const CHANGE = /* lua */ `
${SERVER}
local meta, holders, data, own, gone = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local broadcast, channel, fresh, lease = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local at = redis.call('HMGET', meta, 'e', 's', 'g', 'n')
local epoch, seq, count = at[1], tonumber(at[2] or '0'), tonumber(at[4] or '0')
redis.call('HLEN', holders)
redis.call('HLEN', data)
redis.call('SCARD', own)
local lines = {}

local function shown(holder, key)
	return redis.call('HGET', data, holder .. ' ' .. key)
end

local function others(list)
	local rest = {}
	for one in string.gmatch(list, ' (%S+)') do
		if one ~= lease then rest[#rest + 1] = one end
	end
	return rest
end

local function remove(key)
	if redis.call('SREM', own, key) == 0 then return end
	local list, text = redis.call('HGET', holders, key), shown(lease, key)
	redis.call('HDEL', data, lease .. ' ' .. key)
	if not list then return end
	local rest = others(list)
	if #rest == 0 then
		redis.call('HDEL', holders, key)
		lines[#lines + 1] = 'l' .. cjson.encode(key)
		return
	end
	redis.call('HSET', holders, key, string.match(list, '^%d+') .. ' ' .. table.concat(rest, ' '))
	local other = shown(rest[#rest], key)
	local wasLast = string.match(list, '%S+$') == lease
	if wasLast and other and other ~= text then lines[#lines + 1] = 'u' .. other end
end

local function put(key, text)
	local list = redis.call('HGET', holders, key)
	if not list then
		count = count + 1
		redis.call('HSET', holders, key, string.format('%d', count) .. ' ' .. lease)
		lines[#lines + 1] = 'j' .. text
	else
		local last = string.match(list, '%S+$')
		if shown(last, key) ~= text then lines[#lines + 1] = 'u' .. text end
		if last ~= lease then
			local rest = others(list)
			rest[#rest + 1] = lease
			redis.call('HSET', holders, key, string.match(list, '^%d+') .. ' ' .. table.concat(rest, ' '))
		end
	end
	redis.call('HSET', data, lease .. ' ' .. key, text)
	redis.call('SADD', own, key)
end

local function tell()
	if #lines == 0 then return end
	local run = server()
	if not epoch or at[3] ~= run then epoch = fresh end
	seq = string.format('%d', seq + 1)
	redis.call('HSET', meta, 'e', epoch, 's', seq, 'g', run, 'n', string.format('%d', count))
	if redis.call('HLEN', holders) == 0 then
		redis.call('PEXPIRE', meta, ${IDLE})
	else
		redis.call('PERSIST', meta)
	end
	redis.call(broadcast, channel, epoch .. '\\t' .. seq .. '\\n' .. table.concat(lines, '\\n'))
end
`;

/**
 * Changes the members of a lease that runs, numbers what that means to others, and tells it.
 *
 * Further ARGV: when the lease ends as far as its instance knows, how many puts; for each its key and
 * its text; then keys to remove.
 *
 * @returns 1 and the epoch; 0 where the lease has ended: nothing was changed.
 */
export const change: Script = script(/* lua */ `
${NOW}
${CHANGE}
if now >= tonumber(ARGV[5]) or redis.call('EXISTS', gone) == 1 then return { 0, '' } end
local first = 7 + 2 * tonumber(ARGV[6])
for i = first, #ARGV do remove(ARGV[i]) end
for i = 7, first - 1, 2 do put(ARGV[i], ARGV[i + 1]) end
tell()
return { 1, epoch or '' }
`);

/**
 * Takes out members of a lease that has ended, at most so many. Doing it again does what is left.
 *
 * Further ARGV: how many.
 *
 * @returns how many are left.
 */
export const takeOut: Script = script(/* lua */ `
${CHANGE}
redis.call('SET', gone, '', 'PX', ${REFUSED})
for _, key in ipairs(redis.call('SRANDMEMBER', own, ARGV[5])) do remove(key) end
tell()
return redis.call('SCARD', own)
`);

/**
 * Reads who is in a topic.
 *
 * KEYS: meta, holders, data. ARGV: command that broadcasts, channel, epoch to begin with where the
 * topic has none, or is told by another server than wrote last; '' begins none.
 *
 * @returns epoch, seq, holders, data.
 */
export const read: Script = script(/* lua */ `
${SERVER}
local meta, holders, fresh = KEYS[1], KEYS[2], ARGV[3]
local at = redis.call('HMGET', meta, 'e', 's', 'g')
local epoch, seq = at[1] or '', at[2] or '0'
local all = { redis.call('HGETALL', holders), redis.call('HGETALL', KEYS[3]) }
local run = fresh ~= '' and server()
if run and (epoch == '' or at[3] ~= run) then
	epoch = fresh
	redis.call('HSET', meta, 'e', epoch, 's', seq, 'g', run)
	if #all[1] == 0 then redis.call('PEXPIRE', meta, ${IDLE}) end
	redis.call(ARGV[1], ARGV[2], epoch .. '\\t' .. seq)
end
return { epoch, seq, all[1], all[2] }
`);

/**
 * Keeps a place for a member that has not come yet.
 *
 * KEYS: holders, places. ARGV: key, members and places that there may be, milliseconds.
 *
 * @returns 1, or 0 where there is none.
 */
export const reserve: Script = script(/* lua */ `
${NOW}
local holders, places, key = KEYS[1], KEYS[2], ARGV[1]
local isIn = redis.call('HEXISTS', holders, key) == 1
redis.call('ZREMRANGEBYSCORE', places, '-inf', now)
if not isIn and not redis.call('ZSCORE', places, key) then
	-- Who has come needs its place no longer.
	for _, one in ipairs(redis.call('ZRANGE', places, 0, -1)) do
		if redis.call('HEXISTS', holders, one) == 1 then redis.call('ZREM', places, one) end
	end
	if redis.call('HLEN', holders) + redis.call('ZCARD', places) >= tonumber(ARGV[2]) then return 0 end
end
if not isIn then
	redis.call('ZADD', places, now + ARGV[3], key)
	redis.call('PEXPIRE', places, ARGV[3])
end
return 1
`);

/** What Redis does in one step. Keys: the topic's position, its frames. */

import { script, type Script } from '../redis-script.ts';

/** Times by which a trim is put off: frames beyond the size that may be kept meanwhile. */
export const SLACK = 64;
/** The latest frames among which a repeated publish is looked for. */
const SEARCHED = 256;
/** Pairs of an epoch and where it ended; older ones are let go. */
const LINEAGE = 8;

/**
 * Numbers frames, keeps them and broadcasts them.
 *
 * ARGV: channel, run id, epoch to begin with, epoch of topics without one, size, seconds to keep
 * frames, seconds to keep the position, whether it is a repetition, then a line for each frame.
 *
 * `g` is the run id of the server that wrote last. Where another one has, history may lack its end:
 * a new epoch begins, and `h` says where the one before it ended (as with Kafka's leader epochs). A
 * run id that is not this server's comes from a connection that was made before: it is told so.
 *
 * @returns the epoch, the number of each line, and the lineage where the epoch has just begun.
 */
export const append: Script = script(`
local meta, log = KEYS[1], KEYS[2]
local channel, run, fresh, unpublished = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local size, keep, remember, again = tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8] == '1'
local at = redis.call('HMGET', meta, 'e', 's', 'g', 'h')
local epoch, seq, began = at[1], tonumber(at[2] or '0'), ''
if not epoch or at[3] ~= run then
	local actual = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
	if actual ~= run then return redis.error_reply('RTRUN another server') end
	local lineage = at[4] or ''
	if epoch then
		lineage = epoch .. ' ' .. seq .. ';' .. lineage
	else
		seq = 0
		redis.call('DEL', log)
		lineage = unpublished .. ' 0;'
	end
	local kept, from = '', 1
	for _ = 1, ${LINEAGE} do
		local stop = string.find(lineage, ';', from, true)
		if not stop then break end
		kept = string.sub(lineage, 1, stop)
		from = stop + 1
	end
	epoch, began = fresh, kept
	redis.call('HSET', meta, 'e', epoch, 's', seq, 'g', run, 'h', kept)
end
local known = {}
if again then
	for _, line in ipairs(redis.call('ZREVRANGE', log, 0, ${SEARCHED - 1})) do
		local number, id = string.match(line, '^(%d+)\\t([^\\t]+)')
		known[id] = tonumber(number)
	end
end
local first, numbers, lines = seq, {}, {}
for i = 9, #ARGV do
	local line = ARGV[i]
	local number = again and known[string.match(line, '^[^\\t]+')]
	if not number then
		seq = seq + 1
		number = seq
		line = string.format('%d', seq) .. '\\t' .. line
		redis.call('ZADD', log, seq, line)
		lines[#lines + 1] = line
	end
	numbers[#numbers + 1] = number
end
if seq > first then
	redis.call('HSET', meta, 's', seq)
	if math.floor(seq / ${SLACK}) > math.floor(first / ${SLACK}) or first == 0 then
		redis.call('ZREMRANGEBYRANK', log, 0, -1 - size)
		redis.call('EXPIRE', log, keep)
		redis.call('EXPIRE', meta, remember)
	end
	redis.call('PUBLISH', channel, epoch .. '\\t' .. began .. '\\n' .. table.concat(lines, '\\n'))
end
return { epoch, numbers, began }
`);

/**
 * Begins a new epoch that continues nothing: whoever follows the topic has to load it again.
 *
 * ARGV: channel, run id, epoch to begin with, seconds to keep the position.
 */
export const renew: Script = script(`
local meta = KEYS[1]
local channel, run, fresh, remember = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local seq = redis.call('HGET', meta, 's') or '0'
redis.call('HSET', meta, 'e', fresh, 's', seq, 'g', run, 'h', '')
redis.call('EXPIRE', meta, remember)
redis.call('PUBLISH', channel, fresh .. '\\t')
return { fresh, seq }
`);

/**
 * Reads where a topic stands, and its frames after a number; with the latest only, so many of them.
 *
 * ARGV: number, how many of the latest at most (0 = all).
 *
 * @returns epoch, seq, lineage, lines.
 */
export const read: Script = script(`
local at = redis.call('HMGET', KEYS[1], 'e', 's', 'h')
local lines = {}
if at[1] then
	local from, most = tonumber(ARGV[1]), tonumber(ARGV[2])
	if most > 0 then from = math.max(from, tonumber(at[2]) - most) end
	lines = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. string.format('%d', from), '+inf')
end
return { at[1] or '', tonumber(at[2] or '0'), at[3] or '', lines }
`);

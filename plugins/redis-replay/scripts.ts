/** What Redis does with a topic in one step. Keys: the topic's position, its frames. */

import { OWN_RUN, RUN_OF } from '../redis-run.ts';
import { script, type Script } from '../redis-script.ts';

/** Times by which a trim is put off: frames beyond the size that may be kept meanwhile. */
export const SLACK = 64;
/** What is given instead of a number where the time that frames are kept is counted anew. */
export const TOUCH = 'touch';
/** What is given instead of a number where frames have names that may have been published before. */
export const SEARCH = 'named';
/** The latest frames among which these are looked for. */
const SEARCHED = 256;
/** Pairs of an epoch and where it ended; older ones are let go. */
const LINEAGE = 8;
/** Seconds that the position of a topic is kept after the last frame. */
const REMEMBER = 30 * 24 * 60 * 60;

/** Begins a new epoch, which continues nothing, where everything was renewed after the last write. */
const RENEWED = `
local function renew(meta, seq, run, fresh, renewal)
	redis.call('HSET', meta, 'e', fresh, 's', seq, 'g', run, 'h', '', 'n', renewal)
	redis.call('EXPIRE', meta, ${REMEMBER})
end
`;

/**
 * Numbers frames, keeps them and broadcasts them, for one topic or several: calling a script costs as
 * much as a frame, and topics of which something is published in one tick share it.
 *
 * KEYS: position and frames of each topic; in a Cluster of one only, as each has its own slot. ARGV: run
 * id, renewal, the command that broadcasts, what is rarely needed (epoch to begin with, epoch of topics
 * without one, size, seconds to keep frames), then for each topic: a number that it had before these
 * frames were first sent (or '' = they are sent for the first time; TOUCH = so, and the seconds are
 * counted anew; SEARCH), how many frames there are, a line for each.
 *
 * `g` is the run id of the server that wrote last. Where another one has, history may lack its end:
 * a new epoch begins, and `h` says where the one before it ended (as with Kafka's leader epochs). A
 * run id that is not this server's comes from a connection that was made before: it is told so.
 *
 * Frames that are sent again are looked for among all that came after that number. Where the log does
 * not reach back to it, nobody can tell.
 *
 * What every publish runs through takes no text apart, and calls few commands, for all its frames at
 * once: here these are most of what it costs.
 *
 * @returns for one topic its answer: `epoch number` as a text where the lines have got numbers from
 * that one on, and there is nothing else to say. Else the epoch, the number of each line, below zero for
 * one that was there, the lineage where the epoch has just begun, and why nobody was told, where that is
 * so: what is stored is stored. For several topics a list of answers, where '' and a message stand for
 * an error: what is in the way of one is nothing to the others.
 */
export const append: Script = script(`
local run, renewal_now, broadcast, rare, actual = ARGV[1], ARGV[2], ARGV[3], ARGV[4], nil
local function append(meta, log, after, from, to)
	local at = redis.call('HMGET', meta, 'e', 's', 'g', 'n')
	local epoch, seq, began, known = at[1], tonumber(at[2] or '0'), nil, nil
	if run == '${OWN_RUN}' or at[3] ~= run then
		actual = actual or string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
		if run == '${OWN_RUN}' then run = actual end
		if actual ~= run then return redis.error_reply('RTRUN another server') end
	end
	local isRenewed = epoch and at[4] ~= renewal_now and tonumber(renewal_now) > tonumber(at[4] or '0')
	if not epoch or at[3] ~= run or isRenewed then
		local fresh, unpublished = string.match(rare, '^(%S+) (%S+)')
		local renewal, lineage = at[4] or '0', ''
		if isRenewed then
			renewal = renewal_now
		elseif epoch then
			lineage = epoch .. ' ' .. string.format('%d', seq) .. ';' .. (redis.call('HGET', meta, 'h') or '')
		else
			seq, renewal = 0, renewal_now
			-- With a log of before the position was let go: who has seen its beginning has missed the rest.
			lineage = redis.call('DEL', log) == 0 and unpublished .. ' 0;' or ''
		end
		began = ''
		local start = 1
		for _ = 1, ${LINEAGE} do
			local stop = string.find(lineage, ';', start, true)
			if not stop then break end
			began = string.sub(lineage, 1, stop)
			start = stop + 1
		end
		redis.call('HSET', meta, 'e', fresh, 's', seq, 'g', run, 'h', began, 'n', renewal)
		epoch = fresh
	end
	if after ~= '' and after ~= '${TOUCH}' then
		local kept
		if after == '${SEARCH}' then kept = redis.call('ZREVRANGE', log, 0, ${SEARCHED - 1})
		else kept = redis.call('ZRANGEBYSCORE', log, '(' .. after, '+inf') end
		known = {}
		for _, line in ipairs(kept) do
			local number, id = string.match(line, '^(%d+)\\t([^\\t]+)')
			known[id] = tonumber(number)
		end
		local isThere = after == '${SEARCH}' or known[string.match(ARGV[from], '^[^\\t]+')]
		if not isThere and #kept < seq - tonumber(after) then
			return redis.error_reply('RTFORGOTTEN the log does not reach back')
		end
	end
	local first, message, numbers, rows = seq, epoch .. '\\t' .. (began or ''), {}, {}
	for i = from, to do
		local line = ARGV[i]
		local number = known and known[string.match(line, '^[^\\t]+')]
		if number then
			numbers[#numbers + 1] = -number
		else
			seq = seq + 1
			line = string.format('%d', seq) .. '\\t' .. line
			rows[#rows + 1] = seq
			rows[#rows + 1] = line
			message = message .. '\\n' .. line
			if known or began then numbers[#numbers + 1] = seq end
		end
	end
	local failed
	if seq > first then
		redis.call('ZADD', log, unpack(rows))
		redis.call('HSET', meta, 's', seq)
		if after ~= '' or seq % ${SLACK} < seq - first then
			local size, keep = string.match(rare, ' (%d+) (%d+)$')
			redis.call('ZREMRANGEBYRANK', log, 0, -1 - size)
			redis.call('EXPIRE', log, keep)
			redis.call('EXPIRE', meta, ${REMEMBER})
		end
	end
	-- A new epoch is told even where it has begun with a repeat, which has nothing new.
	if seq > first or began then
		local told = redis.pcall(broadcast, string.sub(meta, 1, -5) .. 'frames', message)
		failed = type(told) == 'table' and told.err
	end
	if known or began or failed then
		if #numbers == 0 then for i = 1, seq - first do numbers[i] = first + i end end
		return { epoch, numbers, began or '', failed or '' }
	end
	return epoch .. ' ' .. string.format('%d', first + 1)
end
if #KEYS == 2 then return append(KEYS[1], KEYS[2], ARGV[5], 7, #ARGV) end
local answers, from = {}, 7
for i = 1, #KEYS, 2 do
	local to = from + ARGV[from - 1] - 1
	local isDone, answer = pcall(append, KEYS[i], KEYS[i + 1], ARGV[from - 2], from, to)
	local err = type(answer) == 'table' and answer.err or not isDone and answer
	answers[#answers + 1] = err and { '', err } or answer
	from = to + 3
end
return answers
`);

/**
 * Begins a new epoch that continues nothing: whoever follows the topic has to load it again.
 *
 * ARGV: the command that broadcasts, channel, run id, renewal, epoch to begin with.
 */
export const renew: Script = script(`
${RUN_OF}
${RENEWED}
local seq = redis.call('HGET', KEYS[1], 's')
-- A log whose position was let go has numbers that come again.
if not seq then redis.call('DEL', KEYS[2]) end
renew(KEYS[1], seq or '0', run_of(ARGV[3]), ARGV[5], ARGV[4])
redis.call(ARGV[1], ARGV[2], ARGV[5] .. '\\t')
`);

/**
 * Reads where a topic stands, and its frames after a number; with the latest only, so many of them.
 * Where everything was renewed after the topic's last write, it is renewed now.
 *
 * ARGV: the command that broadcasts, channel, run id, renewal, epoch to begin with, number, how many
 * of the latest at most (0 = all).
 *
 * @returns epoch, seq, lineage, lines.
 */
export const read: Script = script(`
${RUN_OF}
${RENEWED}
local at = redis.call('HMGET', KEYS[1], 'e', 's', 'h', 'n')
local lines = {}
if at[1] then
	if tonumber(ARGV[4]) > tonumber(at[4] or '0') then
		renew(KEYS[1], at[2], run_of(ARGV[3]), ARGV[5], ARGV[4])
		redis.call(ARGV[1], ARGV[2], ARGV[5] .. '\\t')
		at[1], at[3] = ARGV[5], ''
	end
	local from, most = tonumber(ARGV[6]), tonumber(ARGV[7])
	if most > 0 then from = math.max(from, tonumber(at[2]) - most) end
	lines = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. string.format('%d', from), '+inf')
end
return { at[1] or '', tonumber(at[2] or '0'), at[3] or '', lines }
`);

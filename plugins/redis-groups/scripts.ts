/**
 * What Redis does in one step. Time is its own.
 *
 * KEYS: hash with the opening's `id`, its `text`, and the id that was `closed` last; sorted set of
 * who has it open (`instance id`), by until when.
 */

import { script, type Script } from '../redis-script.ts';

const START = /* lua */ `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local group, open = KEYS[1], KEYS[2]
local at = redis.call('HMGET', group, 'id', 'text', 'closed')
local id, text, closed = at[1], at[2], at[3]
redis.call('ZREMRANGEBYSCORE', open, '-inf', now)
local holders = redis.call('ZCARD', open)
`;

/** ARGV: instance, milliseconds, id, text. */
const HOLD = /* lua */ `
local function hold()
	redis.call('HSET', group, 'id', id, 'text', text)
	redis.call('ZADD', open, now + ARGV[2], ARGV[1] .. ' ' .. id)
	redis.call('PEXPIRE', group, ARGV[2])
	redis.call('PEXPIRE', open, ARGV[2])
	return { id, text }
end
`;

/** ARGV: instance, milliseconds, id and text of a new opening. @returns those of the present one. */
export const open: Script = script(/* lua */ `
${START}
${HOLD}
if not id or holders == 0 then
	redis.call('DEL', open)
	id, text = ARGV[3], ARGV[4]
end
return hold()
`);

/** ARGV: as of `open`. @returns as `open`; nothing where this opening has been closed. */
export const keep: Script = script(/* lua */ `
${START}
${HOLD}
if closed == ARGV[3] then return false end
if not id then id, text = ARGV[3], ARGV[4] end
return hold()
`);

/** ARGV: instance, id. */
export const leave: Script = script(/* lua */ `
${START}
redis.call('ZREM', open, ARGV[1] .. ' ' .. ARGV[2])
if redis.call('ZCARD', open) == 0 then redis.call('DEL', group) end
`);

/** @returns id and text of what was open. */
export const close: Script = script(/* lua */ `
${START}
if not id or holders == 0 then return false end
redis.call('HDEL', group, 'id', 'text')
redis.call('HSET', group, 'closed', id)
return { id, text }
`);

/** @returns id and text of what is open. */
export const find: Script = script(/* lua */ `
${START}
if not id or holders == 0 then return false end
return { id, text }
`);

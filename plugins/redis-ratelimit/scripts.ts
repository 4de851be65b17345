/** What Redis does in one step. */

import { script, type Script } from '../redis-script.ts';

/**
 * Takes points from a budget, all of them or none.
 *
 * KEYS: the budget of a key. ARGV: points, window in milliseconds, cost.
 *
 * Kept are a moment, and what was missing from the budget then, in milliseconds times points: a point
 * is `window` of it, and each millisecond gives back `points`. All of these are whole numbers below
 * 2^53, which a moment since 1970 times points is not. With the last point that is back the key goes.
 *
 * @returns whether it was allowed, points that are left, milliseconds to wait.
 */
export const take: Script = script(`
local points, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local since, missing, isBack = now, 0, false
local kept = redis.call('GET', KEYS[1])
if kept then
	local at, was = string.match(kept, '^(%d+) (%d+)$')
	since, missing = tonumber(at), tonumber(was)
	if now - since >= window then
		missing = 0
	elseif now >= since then
		missing = math.max(0, missing - (now - since) * points)
	else
		-- The clock was set back: it stands for that moment, or nobody would get a point until it is there.
		isBack = true
	end
end
local capacity = points * window
local after = missing + cost * window
local isAllowed = after <= capacity
if isAllowed and cost > 0 then missing = after end
if (isAllowed and cost > 0) or (isBack and missing > 0) then
	-- One more: the key must not go before its last point is back.
	local left = math.ceil(missing / points) + 1
	redis.call('SET', KEYS[1], string.format('%.0f %.0f', now, missing), 'PX', string.format('%.0f', left))
end
local remaining = math.floor((capacity - missing) / window)
if isAllowed then return { 1, remaining, 0 } end
return { 0, remaining, math.ceil((after - capacity) / points) }
`);

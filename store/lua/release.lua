-- Ends the claim on an item without a result: it waits for a worker again, which
-- may take it up after the delay.
-- ARGV: index, start, holder, delay in ms.
-- Returns 1, or 0 if the claim was lost before, or ended already.
local index = ARGV[1]
local retries = tonumber(redis.call("HGET", meta, "retries") or 0)
local start, _, _, holder = standing(index, retries)
if start ~= tonumber(ARGV[2]) or holder ~= ARGV[3] or redis.call("ZREM", claimed, index) == 0 then
  return 0
end
redis.call("ZADD", waiting, int(now_ms() + tonumber(ARGV[4])), index)
return 1

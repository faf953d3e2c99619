-- Starts an item again that waits for a worker although the queue has lost it.
-- ARGV: index, start that was lost.
-- Returns the new start number, or nil if the item no longer waits under that start.
local index = ARGV[1]
local m = redis.call("HMGET", meta, "status", "retries")
if m[1] ~= "running" or not redis.call("ZSCORE", waiting, index) then
  return nil
end
local start, attempts, first = standing(index, tonumber(m[2]))
if start ~= tonumber(ARGV[2]) then
  return nil
end
set_standing(index, start + 1, attempts, first, "-")
redis.call("ZADD", waiting, int(now_ms()), index)
return start + 1

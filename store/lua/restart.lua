-- Starts items again, one by one, that wait for a worker although the queue has lost them.
-- ARGV: start that was lost, indexes … .
-- Returns the subtasks of those that still waited under that start.
local m = redis.call("HMGET", meta, "status", "retries")
if m[1] ~= "running" then
  return {}
end
local retries, now, again = tonumber(m[2]), now_ms(), {}
for i = 2, #ARGV do
  local index = ARGV[i]
  local start, attempts, first = standing(index, retries)
  if start == tonumber(ARGV[1]) and redis.call("ZSCORE", waiting, index) then
    set_standing(index, start + 1, attempts, first, "-")
    redis.call("ZADD", waiting, int(now), index)
    again[#again + 1] = index
  end
end
local reply = {}
add_subtasks(reply, again, retries, 1)
return reply

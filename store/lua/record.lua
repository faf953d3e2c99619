-- Keeps results; the first of an item wins. Hands out the next items, or ends the
-- aggregation with its last result.
-- ARGV: index, run, status and result line of each.
-- Returns { number of first results, 1 if this ended it else 0, priority, index, start, fetch, … }.
local m = redis.call("HMGET", meta, "status", "retries", "total", "priority")
if m[1] ~= "running" then
  return { 0, 0, m[4] or "" }
end
local first = 0
for i = 1, #ARGV, 4 do
  local index, run, status, line = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  -- An item that is handed out has no result. What is for another is late: it has
  -- one, or waits for its turn again since a retry.
  if run == m[2] and (redis.call("ZREM", claimed, index) == 1 or redis.call("ZREM", waiting, index) == 1) then
    redis.call("HSET", results, index, line)
    redis.call("RPUSH", order, index .. string.sub(status, 1, 1))
    redis.call("HINCRBY", meta, status, 1)
    redis.call("HDEL", progress, index)
    first = first + 1
  end
end
local reply = { first, 0, m[4] }
if first == 0 then
  return reply
end
local now = now_ms()
if redis.call("HLEN", results) == tonumber(m[3]) then
  finish("", now)
  reply[2] = 1
  return reply
end
add_subtasks(reply, hand_out(now), tonumber(m[2]))
tell_followers()
return reply

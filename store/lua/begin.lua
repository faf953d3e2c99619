-- Takes up a queued aggregation and hands out its first items. Done again, it
-- hands out the same: all that wait for a worker, in input order.
-- ARGV: most items in flight without a cap.
-- Returns nil if there is nothing to run, else
-- { lane, ms until the deadline, subtasks … }.
local m = redis.call("HMGET", meta, "status", "retries", "accepted", "deadline", "lane")
local status, retries = m[1], tonumber(m[2])
if status ~= "queued" and status ~= "running" then
  return nil
end
local now = now_ms()
if status == "queued" then
  redis.call("HSET", meta, "status", "running")
  redis.call("HSETNX", meta, "started", int(now))
end
local bounds = handing_out(tonumber(ARGV[1]))
local indexes, wait_already = hand_out(now, bounds)
local reply = { m[5], tonumber(m[3]) + tonumber(m[4]) - now }
if wait_already > 0 then
  indexes = redis.call("ZRANGE", waiting, 0, -1)
  table.sort(indexes, function(a, b) return tonumber(a) < tonumber(b) end)
end
add_subtasks(reply, indexes, retries, bounds.batch)
return reply

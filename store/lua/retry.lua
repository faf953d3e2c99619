-- Makes the failed and canceled items of a finished aggregation wait to be run
-- again; the others keep their results. Positions in order of completion stay as
-- they are: the place of a result that is dropped stays empty ("-").
-- ARGV: the traceparent of the client's trace, or "".
-- Returns the number of items to run again, -1 if there is no such aggregation,
-- -2 if it is unfinished.
local m = redis.call("HMGET", meta, "status", "retries")
if not m[1] then
  return -1
end
if m[1] == "queued" or m[1] == "running" then
  return -2
end
local again, kept = {}, {}
for place, entry in ipairs(redis.call("LRANGE", order, 0, -1)) do
  local index, status = string.match(entry, "^(%d+)(%a)$")
  if status == "f" or status == "c" then
    again[#again + 1] = tonumber(index)
    entry = "-"
  end
  kept[place] = entry
end
if #again == 0 then
  return 0
end
table.sort(again)
redis.call("DEL", order)
for from = 1, #kept, CHUNK do
  redis.call("RPUSH", order, unpack(kept, from, math.min(from + CHUNK - 1, #kept)))
end
for from = 1, #again, CHUNK do
  local to = math.min(from + CHUNK - 1, #again)
  redis.call("HDEL", results, unpack(again, from, to))
  redis.call("RPUSH", todo, unpack(again, from, to))
end
local now, us = clock()
redis.call("HSET", meta, "status", "queued", "failed", 0, "canceled", 0,
  "retries", int(tonumber(m[2]) + 1), "accepted", int(now), "accepted_us", us)
redis.call("HDEL", meta, "finished", "reason")
if ARGV[1] ~= "" then
  redis.call("HSET", meta, "trace", ARGV[1])
end
for _, key in ipairs({ meta, requests, results, order }) do
  redis.call("PERSIST", key)
end
redis.call("PUBLISH", "gather:changed", id)
return #again

-- A worker's heartbeat, and the aggregations that it has to look after now. Each is
-- put off by the interval.
-- KEYS: schedule, workers. ARGV: worker, interval in ms, most aggregations.
-- Returns { the time that they are put off to, ms until the next one is due or -1, id, … }.
local t = redis.call("TIME")
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local later = now + tonumber(ARGV[2])
local function int(x)
  return string.format("%.0f", x)
end
-- In this order: a full Redis lets a script go on whose first write needs no memory.
redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", int(now - 3600000))
redis.call("ZADD", KEYS[2], int(now), ARGV[1])
local reply = { later, -1 }
for _, id in ipairs(redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", int(now), "LIMIT", 0, ARGV[3])) do
  redis.call("ZADD", KEYS[1], int(later), id)
  reply[#reply + 1] = id
end
local head = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
if head[2] then
  reply[2] = math.max(0, math.ceil(tonumber(head[2]) - now))
end
return reply

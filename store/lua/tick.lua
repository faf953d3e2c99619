-- A worker's heartbeat, and the aggregations that it has to look after now. Each is
-- put off by the interval.
-- KEYS: schedule, workers, items finished. ARGV: worker (its name, a space, its concurrency),
-- interval in ms, most aggregations, ms that a heartbeat counts, items finished since the last,
-- seconds that their count is kept after that.
-- Returns { the time that they are put off to, ms until the next one is due or -1,
-- how many workers there are, the concurrency of all of them, id, … }.
local t = redis.call("TIME")
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local later = now + tonumber(ARGV[2])
local function int(x)
  return string.format("%.0f", x)
end
-- In this order: a full Redis lets a script go on whose first write needs no memory.
redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", int(now - 3600000))
redis.call("ZADD", KEYS[2], int(now), ARGV[1])
if ARGV[5] ~= "0" then
  redis.call("INCRBY", KEYS[3], ARGV[5])
  redis.call("EXPIRE", KEYS[3], ARGV[6])
end
local function next_due()
  local head = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
  if not head[2] then
    return -1
  end
  return math.max(0, math.ceil(tonumber(head[2]) - now))
end
local reply = { later, next_due(), 0, 0 }
for _, worker in ipairs(redis.call("ZRANGEBYSCORE", KEYS[2], int(now - tonumber(ARGV[4])), "+inf")) do
  reply[3] = reply[3] + 1
  reply[4] = reply[4] + tonumber(string.match(worker, " (%d+)$") or 0)
end
if reply[2] ~= 0 then
  return reply
end
for _, id in ipairs(redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", int(now), "LIMIT", 0, ARGV[3])) do
  redis.call("ZADD", KEYS[1], int(later), id)
  reply[#reply + 1] = id
end
reply[2] = next_due()
return reply

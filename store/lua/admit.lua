-- Takes one of the places for unfinished aggregations that an owner has. An aggregation
-- takes one at most, however often it asks.
-- KEYS: places. ARGV: id, number of places, ms that nobody needs a place for longer.
-- Returns { 1 } if it has one, else { 0, id, since when (ms), … } of all that take them.
local t = redis.call("TIME")
local now = string.format("%.0f", tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000))
local has = redis.call("ZSCORE", KEYS[1], ARGV[1])
if not has and redis.call("ZCARD", KEYS[1]) >= tonumber(ARGV[2]) then
  return { 0, unpack(redis.call("ZRANGE", KEYS[1], 0, -1, "WITHSCORES")) }
end
redis.call("ZADD", KEYS[1], now, ARGV[1])
redis.call("PEXPIRE", KEYS[1], ARGV[3])
return { 1 }

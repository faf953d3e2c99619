-- Plans a visit of an aggregation whatever was planned, and lists it.
-- KEYS: schedule, index. ARGV: id, ms from now.
-- Returns 1.
local t = redis.call("TIME")
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
-- Half a millisecond tells it from what a tick has planned.
redis.call("ZADD", KEYS[1], string.format("%.0f", now + tonumber(ARGV[2])) .. ".5", ARGV[1])
redis.call("ZADD", KEYS[2], 0, ARGV[1])
return 1

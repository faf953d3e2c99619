-- Plans a visit of an aggregation whatever was planned, and lists it.
-- KEYS: schedule, index, and where it has an owner the owner's index and the owners. ARGV: id, ms from now, owner.
-- Returns 1.
local t = redis.call("TIME")
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
-- Half a millisecond tells it from what a tick has planned.
redis.call("ZADD", KEYS[1], string.format("%.0f", now + tonumber(ARGV[2])) .. ".5", ARGV[1])
redis.call("ZADD", KEYS[2], 0, ARGV[1])
if KEYS[4] then
  redis.call("ZADD", KEYS[3], 0, ARGV[1])
  redis.call("HSET", KEYS[4], ARGV[1], ARGV[3])
end
return 1

-- Plans the next visit of an aggregation, unless its plan has changed.
-- KEYS: schedule. ARGV: id, the time that the tick put it off to, ms from now.
-- Returns 1, or 0 if the plan has changed.
if tonumber(redis.call("ZSCORE", KEYS[1], ARGV[1]) or -1) ~= tonumber(ARGV[2]) then
  return 0
end
local t = redis.call("TIME")
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
redis.call("ZADD", KEYS[1], string.format("%.0f", now + tonumber(ARGV[3])), ARGV[1])
return 1

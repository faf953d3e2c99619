-- Writes the places of aggregations once more that a failed master may have taken with it.
-- KEYS: schedule, index. ARGV: ms from now that an unfinished one has to be visited within, then id
-- and 1 if it is unfinished, else 0, of each.
-- Returns how many had lost their place.
local t = redis.call("TIME")
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local soon = string.format("%.0f", now + tonumber(ARGV[1])) .. ".5"
local lost = 0
for i = 2, #ARGV, 2 do
  -- What has finished is visited at its expiry, or before that if it has lost its place.
  lost = lost + redis.call("ZADD", KEYS[1], ARGV[i + 1] == "1" and "LT" or "NX", soon, ARGV[i])
  redis.call("ZADD", KEYS[2], "NX", 0, ARGV[i])
end
return lost

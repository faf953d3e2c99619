-- Writes the places of aggregations once more that a failed master may have taken with it.
-- KEYS: schedule, index, owners. The indexes of owners, with the same hash tag, end in their names.
-- ARGV: ms from now that an unfinished one has to be visited within, then id, 1 if it is
-- unfinished, else 0, and owner of each.
-- Returns how many had lost their place.
local t = redis.call("TIME")
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local soon = string.format("%.0f", now + tonumber(ARGV[1])) .. ".5"
local lost = 0
for i = 2, #ARGV, 3 do
  local id, owner = ARGV[i], ARGV[i + 2]
  -- What has finished is visited at its expiry, or before that if it has lost its place.
  lost = lost + redis.call("ZADD", KEYS[1], ARGV[i + 1] == "1" and "LT" or "NX", soon, id)
  redis.call("ZADD", KEYS[2], "NX", 0, id)
  if owner ~= "" then
    redis.call("ZADD", KEYS[2] .. ":" .. owner, "NX", 0, id)
    redis.call("HSET", KEYS[3], id, owner)
  end
end
return lost

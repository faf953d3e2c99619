-- Keeps items that wait for a worker from being suspect: one has them, and no room yet.
-- ARGV: start, indexes … .
-- Returns how many of them still wait under that start.
local m = redis.call("HMGET", meta, "status", "retries")
if m[1] ~= "running" then
  return 0
end
local retries, now, kept = tonumber(m[2]), int(now_ms()), 0
for from = 2, #ARGV, CHUNK do
  local indexes = chunk(ARGV, from)
  local standings = redis.call("HMGET", progress, unpack(indexes))
  local waits = redis.call("ZMSCORE", waiting, unpack(indexes))
  for i, index in ipairs(indexes) do
    if waits[i] and parse_standing(standings[i], retries) == tonumber(ARGV[1]) then
      redis.call("ZADD", waiting, "XX", now, index)
      kept = kept + 1
    end
  end
end
return kept

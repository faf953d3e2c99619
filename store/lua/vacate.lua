-- Gives back the places of aggregations that have ended, unless they were taken again since.
-- KEYS: places. ARGV: id, since when it was seen to have its place, … .
for i = 1, #ARGV, 2 do
  if redis.call("ZSCORE", KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call("ZREM", KEYS[1], ARGV[i])
  end
end
return 1

-- Takes an aggregation off all lists and the schedule, and gives back its owner's place.
-- KEYS: index, schedule, owners, places of nobody. Those of an owner, with the same hash tag, end in its name.
-- ARGV: id.
local owner = redis.call("HGET", KEYS[3], ARGV[1]) or ""
if owner ~= "" then
  redis.call("ZREM", KEYS[1] .. ":" .. owner, ARGV[1])
  redis.call("HDEL", KEYS[3], ARGV[1])
end
redis.call("ZREM", KEYS[4] .. owner, ARGV[1])
redis.call("ZREM", KEYS[1], ARGV[1])
redis.call("ZREM", KEYS[2], ARGV[1])
return 1

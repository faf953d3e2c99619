-- Removes all that is stored of the aggregation, and tells the workers to abort
-- what they have in flight of it.
-- KEYS: where a script may touch several slots, also the schedule and the index.
-- Returns 1, or 0 if there was none.
if redis.call("EXISTS", meta) == 0 then
  return 0
end
redis.call("UNLINK", unpack(KEYS, 1, 10))
if schedule then
  redis.call("ZADD", schedule, "XX", planned_at(now_ms()), id) -- to find what a crash leaves on the lists
end
redis.call("PUBLISH", "gather:changed", id)
redis.call("PUBLISH", "gather:closed", id)
return 1

-- Removes all that is stored of the aggregation, and tells the workers to abort
-- what they have in flight of it.
-- KEYS: where a script may touch several slots, also the schedule and the index.
-- Returns { 1, the ending if it was unfinished }, or { 0 } if there was none.
local status = redis.call("HGET", meta, "status")
if not status then
  return { 0 }
end
local ended = false
if status == "queued" or status == "running" then
  local _, us = clock()
  local m = counts_of_all()
  m[4] = (tonumber(m[1]) or 0) - (tonumber(m[2]) or 0) - (tonumber(m[3]) or 0) -- what is unfinished
  ended = ending("canceled", m, us, "deleted")
end
redis.call("UNLINK", unpack(KEYS, 1, 10))
if schedule then
  redis.call("ZADD", schedule, "XX", planned_at(now_ms()), id) -- to find what a crash leaves on the lists
end
redis.call("PUBLISH", "gather:changed", id)
redis.call("PUBLISH", "gather:closed", id)
return { 1, ended }

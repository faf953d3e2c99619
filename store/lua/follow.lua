-- Notes that someone reads results as they come, so that each is announced, for a
-- while. What does not run has none to announce.
-- ARGV: how long in ms.
-- Returns 1, or 0 if the aggregation does not run.
local status = redis.call("HGET", meta, "status")
if status ~= "queued" and status ~= "running" then
  return 0
end
redis.call("SET", followed, 1, "PX", ARGV[1])
return 1

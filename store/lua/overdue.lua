-- Ends the aggregation if its deadline is over: what a visit does, without a worker.
-- KEYS: where a script may touch several slots, also the schedule and the index.
-- Returns the ending if this ended it, else nil.
local m = redis.call("HMGET", meta, "status", "retries", "accepted", "deadline")
local now = now_ms()
if (m[1] == "queued" or m[1] == "running") and now >= deadline_of(m[3], m[4]) then
  return close_overdue(tonumber(m[2]), now)
end
return nil

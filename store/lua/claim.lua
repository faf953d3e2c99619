-- Claims items for one attempt each. An item must wait for a worker under that start;
-- one that is claimed only its holder can claim again: for the next attempt, or
-- because the reply to the last claim was lost. So a task that is delivered twice
-- sends its request once.
-- ARGV: slack in ms, then index, start, holder and attempts known to the holder of each
-- item. A claim that is not ended after the item's timeout and the slack is taken for lost.
-- Returns { run, ms until the deadline, then for each item either nil or
-- { stored request, attempts, ms since the first attempt } }.
local m = redis.call("HMGET", meta, "status", "retries", "accepted", "deadline")
local slack, now = tonumber(ARGV[1]), now_ms()
if m[1] ~= "running" then
  return { 0, 0 }
end
local retries = tonumber(m[2])
local reply = { retries, tonumber(m[3]) + tonumber(m[4]) - now }
for i = 2, #ARGV, 4 do
  local index, holder, known, claim = ARGV[i], ARGV[i + 2], tonumber(ARGV[i + 3]), false
  local start, attempts, first, held_by = standing(index, retries)
  if start == tonumber(ARGV[i + 1]) then
    local waits = redis.call("ZREM", waiting, index) == 1
    local mine = held_by == holder and redis.call("ZSCORE", claimed, index)
    if waits or mine and known == attempts then
      attempts = attempts + 1
    elseif not (mine and known == attempts - 1) then
      start = nil
    end
  else
    start = nil
  end
  if start then
    if attempts == 1 then
      first = now
    end
    set_standing(index, start, attempts, first, holder)
    local request = redis.call("HGET", requests, index)
    local timeout = parts(request)
    redis.call("ZADD", claimed, int(now + tonumber(timeout) + slack), index)
    claim = { request, attempts, now - first }
  end
  reply[#reply + 1] = claim
end
return reply

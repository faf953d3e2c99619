-- Looks after the aggregation: ends it at its deadline, starts lost items again,
-- and names those that wait for a worker suspiciously long.
-- ARGV: most items in flight without a cap, grace in ms before a waiting item is
-- suspect, most suspects, most starts of an item.
-- Returns { status, lane, ms until it has to be looked at again or -1, number of lost subtasks,
-- the ending if this ended it else nil, traceparent or "", the lost subtasks …, the suspect ones … };
-- the status is "" if it is gone.
local m = redis.call("HMGET", meta, "status", "retries", "accepted", "deadline", "lane", "trace")
local status, retries, lane, trace = m[1], tonumber(m[2]), m[5], m[6] or ""
if not status then
  return { "", "", -1, 0, false, "" }
end
local now = now_ms()
local deadline, ended = nil, false
if status == "queued" or status == "running" then
  deadline = deadline_of(m[3], m[4])
  if now >= deadline then
    ended = close_overdue(retries, now)
    status = redis.call("HGET", meta, "status")
  end
end
if status ~= "queued" and status ~= "running" then
  return { status, lane, redis.call("PTTL", meta), 0, ended, trace }
end
local reply = { status, lane, deadline - now, 0, false, trace }
if status == "queued" then
  return reply
end

local lost, given_up = {}, {}
for _, index in ipairs(redis.call("ZRANGEBYSCORE", claimed, "-inf", int(now), "LIMIT", 0, CHUNK)) do
  local start, attempts, first = standing(index, retries)
  redis.call("ZREM", claimed, index)
  if start - first_start(retries) + 1 >= tonumber(ARGV[4]) then
    given_up[#given_up + 1] = index
  else
    set_standing(index, start + 1, attempts, first, "-")
    redis.call("ZADD", waiting, int(now), index)
    lost[#lost + 1] = index
  end
end
if #given_up > 0 then
  close_items(given_up, "failed", '{"code":"worker_lost","message":"the workers that sent the request were lost before they had its answer"}', retries, now)
  tell_followers()
end
if redis.call("HLEN", results) == tonumber(redis.call("HGET", meta, "total")) then
  ended = finish("", "")
  return { redis.call("HGET", meta, "status"), lane, redis.call("PTTL", meta), 0, ended, trace }
end
local bounds = handing_out(tonumber(ARGV[1]))
local next_items = take_to_do(bounds)
hand_out(now, next_items)
add_subtasks(reply, lost, retries, bounds.batch)
add_subtasks(reply, next_items, retries, bounds.batch, true)
reply[4] = (#reply - 6) / 5

local grace = int(now - tonumber(ARGV[2]))
add_subtasks(reply, redis.call("ZRANGEBYSCORE", waiting, "-inf", grace, "LIMIT", 0, ARGV[3]), retries, bounds.batch)
return reply

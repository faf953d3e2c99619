-- Claims items for one attempt each. An item must wait for a worker under that start;
-- one that is claimed only its holder can claim again: for the next attempt, or
-- because the reply to the last claim was lost. So a task that is delivered twice
-- sends its request once.
-- ARGV: slack in ms, then of different items wanted in the same way their start, holder, attempts known to the holder, number,
-- and indexes, and so on. A claim that is not ended after the item's timeout and the slack is taken for lost.
-- Returns { run, ms until the deadline, lane, ms from the creation to this call, ms that those nobody has claimed before
-- have waited for a worker at most, then for each item nil, or if nobody has claimed it before its stored request, else
-- { stored request, attempts, ms since the first attempt, ms from the creation to that, ms that it has waited or -1 if it was held } }.
local m = redis.call("HMGET", meta, "status", "retries", "accepted", "deadline", "lane", "created")
local slack, now = tonumber(ARGV[1]), now_ms()
if m[1] ~= "running" then
  return { 0, 0, "", 0, 0 }
end
local retries = tonumber(m[2])
local reply = { retries, tonumber(m[3]) + tonumber(m[4]) - now, m[5], now - m[6], 0 }

-- Most items of a call are alike, and writing numbers is what costs most here.
local last_start, last_attempts, last_first, last_holder, written
local function standing_of(start, attempts, first, holder)
  if start ~= last_start or attempts ~= last_attempts or first ~= last_first or holder ~= last_holder then
    last_start, last_attempts, last_first, last_holder = start, attempts, first, holder
    written = format_standing(start, attempts, first, holder)
  end
  return written
end

local ends_of = {}
local function end_of(request)
  local timeout = timeout_of(request)
  ends_of[timeout] = ends_of[timeout] or int(now + tonumber(timeout) + slack)
  return ends_of[timeout]
end

-- Since when each of the items waits that nobody has claimed: "-" where it doesn't. It takes them
-- from there. Nearly always all of them wait, and since the same time, or none: this is told by the first of them and
-- by how many this takes; to look each up first costs more than all else here.
local function take_waiting(indexes, stored)
  local since = tonumber(redis.call("ZSCORE", waiting, indexes[1]) or now)
  local count = redis.call("ZREM", waiting, unpack(indexes))
  local waits, not_yet, ended = {}, {}, {}
  if count > 0 and count < #indexes then -- those that wait have no result, and are not still to be handed out
    ended = redis.call("HMGET", results, unpack(indexes))
    for _, index in ipairs(redis.call("LRANGE", todo, 0, -1)) do
      not_yet[index] = true
    end
  end
  for n, index in ipairs(indexes) do
    local waited = count > 0 and stored[n] and not ended[n] and not not_yet[index]
    waits[n] = (waited or count == #indexes) and since
  end
  return waits
end

-- Claims those of the items that wait under that start, or that the holder has.
local function claim(start, holder, known, indexes)
  local stored = redis.call("HMGET", requests, unpack(indexes))
  local standings = redis.call("HMGET", progress, unpack(indexes))
  local claimed_before = start ~= first_start(retries)
  for n = 1, #indexes do
    claimed_before = claimed_before or standings[n]
  end
  local waits, held
  if claimed_before then
    waits = redis.call("ZMSCORE", waiting, unpack(indexes))
    held = scores_of_rest(claimed, indexes, waits)
  else
    waits, held = take_waiting(indexes, stored), {}
  end
  local taken, fields, ends = {}, {}, {}
  for n, index in ipairs(indexes) do
    local granted = false
    local at, attempts, first, held_by = parse_standing(standings[n], retries)
    local again = held[n] and held_by == holder
    if at == start and (waits[n] or again and (known == attempts or known == attempts - 1)) then
      if waits[n] or known == attempts then
        attempts = attempts + 1
      end
      if attempts == 1 then
        first = now
      end
      taken[#taken + 1] = index
      fields[#fields + 1] = index
      fields[#fields + 1] = standing_of(start, attempts, first, holder)
      ends[#ends + 1] = end_of(stored[n])
      ends[#ends + 1] = index
      local waited = waits[n] and math.max(0, now - tonumber(waits[n])) or -1
      if claimed_before then
        granted = { stored[n], attempts, now - first, first - m[6], waited }
      else -- shorter, since nearly all are
        granted, reply[5] = stored[n] or "", math.max(reply[5], waited)
      end
    end
    reply[#reply + 1] = granted
  end
  if #taken > 0 then
    if claimed_before then
      redis.call("ZREM", waiting, unpack(taken))
    end
    redis.call("HSET", progress, unpack(fields))
    redis.call("ZADD", claimed, unpack(ends))
  end
end

local i = 2
while i <= #ARGV do
  local start, holder, known, last_place = tonumber(ARGV[i]), ARGV[i + 1], tonumber(ARGV[i + 2]), i + 3 + ARGV[i + 3]
  for from = i + 4, last_place, CHUNK do
    claim(start, holder, known, { unpack(ARGV, from, math.min(from + CHUNK - 1, last_place)) })
  end
  i = last_place + 1
end
return reply

-- Claims items for one attempt each. An item must wait for a worker under that start;
-- one that is claimed only its holder can claim again: for the next attempt, or
-- because the reply to the last claim was lost. So a task that is delivered twice
-- sends its request once.
-- ARGV: slack in ms, then of items wanted in the same way their start, holder, attempts known to the holder, number,
-- and indexes, and so on. A claim that is not ended after the item's timeout and the slack is taken for lost.
-- Returns { run, ms until the deadline, lane, then for each item either nil or
-- { stored request, attempts, ms since the first attempt, ms from the creation to that, ms that it has waited for a worker
-- or -1 if it was held } }.
local m = redis.call("HMGET", meta, "status", "retries", "accepted", "deadline", "lane", "created")
local slack, now = tonumber(ARGV[1]), now_ms()
if m[1] ~= "running" then
  return { 0, 0, "" }
end
local retries = tonumber(m[2])
local reply = { retries, tonumber(m[3]) + tonumber(m[4]) - now, m[5] }

-- Most items of a call are alike, and writing numbers is what costs most here.
local last, written
local function standing_of(start, attempts, first, holder)
  local s = { start, attempts, first, holder }
  if not last or s[1] ~= last[1] or s[2] ~= last[2] or s[3] ~= last[3] or s[4] ~= last[4] then
    last, written = s, format_standing(start, attempts, first, holder)
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
  local since = redis.call("ZSCORE", waiting, indexes[1]) or int(now)
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
      granted = { stored[n], attempts, now - first, first - m[6], waited }
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

-- One item twice in a call is two claims, one after the other.
local i = 2
while i <= #ARGV do
  local start, holder, known, last_place = tonumber(ARGV[i]), ARGV[i + 1], tonumber(ARGV[i + 2]), i + 3 + ARGV[i + 3]
  local indexes, seen = {}, {}
  for place = i + 4, last_place do
    local index = ARGV[place]
    if seen[index] or #indexes == CHUNK then
      claim(start, holder, known, indexes)
      indexes, seen = {}, {}
    end
    indexes[#indexes + 1] = index
    seen[index] = true
  end
  claim(start, holder, known, indexes)
  i = last_place + 1
end
return reply

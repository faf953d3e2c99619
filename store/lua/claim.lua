-- Claims items for one attempt each. An item must wait for a worker under that start;
-- one that is claimed only its holder can claim again: for the next attempt, or
-- because the reply to the last claim was lost. So a task that is delivered twice
-- sends its request once.
-- ARGV: slack in ms, then for different items (CHUNK at most) their start, holder, attempts known to the holder,
-- number, and indexes, and so on. A claim that is not ended after the item's timeout and the slack is taken for lost.
-- Returns { run, ms until the deadline, lane, ms from the creation to this call, ms that those claimed for
-- the first time have waited for a worker at most, as far as the first ones tell, then for each item nil, or its stored request where this is its first claim, or
-- { stored request, attempts, ms since the first attempt, ms from the creation to that, ms that it has waited or -1 if it was held } }.
local m = redis.call("HMGET", meta, "status", "retries", "accepted", "deadline", "lane", "created")
local slack, now = tonumber(ARGV[1]), now_ms()
if m[1] ~= "running" then
  return { 0, 0, "", 0, 0 }
end
local retries = tonumber(m[2])
local reply = { retries, tonumber(m[3]) + tonumber(m[4]) - now, m[5], now - m[6], 0 }

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

-- Which of the items, that nobody has claimed, waited before they were taken from there: those
-- that have no result, and are not still to be handed out.
local function have_waited(indexes, stored)
  local not_yet = {}
  for _, index in ipairs(redis.call("LRANGE", todo, 0, -1)) do
    not_yet[index] = true
  end
  local ended, waited = redis.call("HMGET", results, unpack(indexes)), {}
  for n, index in ipairs(indexes) do
    waited[n] = stored[n] and not ended[n] and not not_yet[index]
  end
  return waited
end

-- Claims those of the items that wait, none of which was claimed before. Nearly always all of them do, or none,
-- which is told by how many this takes from there; to look them up first costs more than all else.
local function claim_first(holder, indexes, stored)
  local since = redis.call("ZSCORE", waiting, indexes[1])
  local count = redis.call("ZREM", waiting, unpack(indexes))
  local waited = count > 0 and count < #indexes and have_waited(indexes, stored)
  local standing, fields, ends = standing_of(first_start(retries), 1, now, holder), {}, {}
  for n, index in ipairs(indexes) do
    local granted = stored[n] and (count == #indexes or waited and waited[n])
    if granted then
      fields[#fields + 1] = index
      fields[#fields + 1] = standing
      ends[#ends + 1] = end_of(stored[n])
      ends[#ends + 1] = index
    end
    reply[#reply + 1] = granted and stored[n]
  end
  if #fields > 0 then
    reply[5] = math.max(reply[5], since and now - tonumber(since) or 0)
    redis.call("HSET", progress, unpack(fields))
    redis.call("ZADD", claimed, unpack(ends))
  end
end

-- Claims those of the items that wait under that start, or that the holder has.
local function claim(start, holder, known, indexes)
  local stored = redis.call("HMGET", requests, unpack(indexes))
  local standings = redis.call("HMGET", progress, unpack(indexes))
  local claimed_before = false
  for n = 1, #indexes do
    claimed_before = claimed_before or standings[n]
  end
  if not claimed_before and start == first_start(retries) then
    return claim_first(holder, indexes, stored)
  end
  local waits = redis.call("ZMSCORE", waiting, unpack(indexes))
  local held = scores_of_rest(claimed, indexes, waits)
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
    redis.call("ZREM", waiting, unpack(taken))
    redis.call("HSET", progress, unpack(fields))
    redis.call("ZADD", claimed, unpack(ends))
  end
end

local i = 2
while i <= #ARGV do
  local n = tonumber(ARGV[i + 3])
  claim(tonumber(ARGV[i]), ARGV[i + 1], tonumber(ARGV[i + 2]), { unpack(ARGV, i + 4, i + 3 + n) })
  i = i + 4 + n
end
return reply

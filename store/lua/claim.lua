-- Claims items for one attempt each. An item must wait for a worker under that start;
-- one that is claimed only its holder can claim again: for the next attempt, or
-- because the reply to the last claim was lost. So a task that is delivered twice
-- sends its request once.
-- ARGV: slack in ms, then index, start, holder and attempts known to the holder of each
-- item. A claim that is not ended after the item's timeout and the slack is taken for lost.
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
local function end_of(timeout)
  ends_of[timeout] = ends_of[timeout] or int(now + timeout + slack)
  return ends_of[timeout]
end

-- Claims the items from place `from` of the arguments up to place `to`, which are all different.
local function claim(from, to)
  local indexes = {}
  for i = from, to, 4 do
    indexes[#indexes + 1] = ARGV[i]
  end
  local stored = redis.call("HMGET", requests, unpack(indexes))
  local standings = redis.call("HMGET", progress, unpack(indexes))
  local waits = redis.call("ZMSCORE", waiting, unpack(indexes))
  local held = scores_of_rest(claimed, indexes, waits)
  local taken, fields, ends = {}, {}, {}
  for n, index in ipairs(indexes) do
    local i = from + 4 * (n - 1)
    local holder, known, granted = ARGV[i + 2], tonumber(ARGV[i + 3]), false
    local start, attempts, first, held_by = parse_standing(standings[n], retries)
    local again = held[n] and held_by == holder
    if start == tonumber(ARGV[i + 1]) and (waits[n] or again and (known == attempts or known == attempts - 1)) then
      if waits[n] or known == attempts then
        attempts = attempts + 1
      end
      if attempts == 1 then
        first = now
      end
      taken[#taken + 1] = index
      fields[#fields + 1] = index
      fields[#fields + 1] = standing_of(start, attempts, first, holder)
      ends[#ends + 1] = end_of(timeout_of(stored[n]))
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

-- One item twice in a call is two claims, one after the other.
for_different_items(claim)
return reply

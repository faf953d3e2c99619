-- Stands before every script of this folder.
--
-- KEYS are always all keys of one aggregation, in this order (keys.go), so that
-- a script touches one slot. Times are Redis' own, in milliseconds: the clocks of
-- API and workers may differ.
local meta, requests, todo, waiting, claimed, progress, results, order, followed, abandoned =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
-- What all aggregations share comes after them where the script may touch it, else nil.
local schedule, index_of_all = KEYS[11], KEYS[12]
local id = string.match(meta, "{(.+)}")

-- Lua's unpack and Redis' argument lists stay well below their bounds in chunks of this size.
local CHUNK = 500

-- The part of the list that starts at from and is one chunk long at most.
local function chunk(list, from)
  return { unpack(list, from, math.min(from + CHUNK - 1, #list)) }
end

-- The time in milliseconds, and the same instant in microseconds, as a string: elapsed
-- times are that exact.
local function clock()
  local t = redis.call("TIME")
  local seconds, us = tonumber(t[1]), tonumber(t[2])
  return seconds * 1000 + math.floor(us / 1000), string.format("%.0f", seconds * 1000000 + us)
end

local function now_ms()
  local t = redis.call("TIME")
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- Milliseconds are too large for tostring's 14 digits some day; this is exact.
local function int(x)
  return string.format("%.0f", x)
end

-- The schedule's score of a visit: half a millisecond, as always but in a tick (watch.go).
local function planned_at(ms)
  return int(ms) .. ".5"
end

-- A stored request is four lines (encoding.go): its timeout in ms, the opening
-- of its result line, what it fetches (for people), and the request itself.
local function parts(request)
  return string.match(request, "^(%d+)\n([^\n]*)\n([^\n]*)\n")
end

-- The first of them alone, in digits, which is cheaper; of a damaged request "0".
local function timeout_of(request)
  return request and string.match(request, "^%d+") or "0"
end

-- The first start number of an item in the aggregation's given run; each
-- further start of the item counts up from it, and never comes to the next run's.
local function first_start(retries)
  return retries * 1000000 + 1
end

-- Where an unfinished item stands: its start number, the requests sent for it,
-- when the first of them was sent, and who holds or held the claim on it.
local function parse_standing(p, retries)
  if not p then
    return first_start(retries), 0, 0, "-"
  end
  local start, attempts, first, holder = string.match(p, "^(%d+) (%d+) (%d+) (.*)$")
  return tonumber(start), tonumber(attempts), tonumber(first), holder
end

local function standing(index, retries)
  return parse_standing(redis.call("HGET", progress, index), retries)
end

local function format_standing(start, attempts, first, holder)
  return int(start) .. " " .. int(attempts) .. " " .. int(first) .. " " .. holder
end

local function set_standing(index, start, attempts, first, holder)
  redis.call("HSET", progress, index, format_standing(start, attempts, first, holder))
end

-- The scores in a sorted set of those members that have none in another. Most calls
-- find all in the other, and so save the command.
local function scores_of_rest(set, members, scores)
  for i = 1, #members do
    if not scores[i] then
      return redis.call("ZMSCORE", set, unpack(members))
    end
  end
  return {}
end

-- Writes ascending indexes as "0-63" or "3,5,8-9".
local function ranges(indexes)
  local list, from = {}, indexes[1]
  for i, index in ipairs(indexes) do
    if indexes[i + 1] ~= index + 1 then
      list[#list + 1] = from == index and int(from) or int(from) .. "-" .. int(index)
      from = indexes[i + 1]
    end
  end
  return table.concat(list, ",")
end

-- Appends the subtasks of the items to reply: index, start, what is fetched, number
-- of the batch and its items of each. Neighbours in the input, by the size of a batch,
-- go together the first time; what was claimed before goes alone. first_time says that none was.
local function add_subtasks(reply, indexes, retries, batch, first_time)
  local subtasks, last = {}, {}
  for from = 1, #indexes, CHUNK do
    local part = chunk(indexes, from)
    local standings = first_time and {} or redis.call("HMGET", progress, unpack(part))
    for i, index in ipairs(part) do
      local start, number = parse_standing(standings[i], retries), 0
      if batch > 1 and not standings[i] then
        number = math.floor(index / batch) + 1
      end
      if number == 0 or number ~= last.number then
        last = { start = start, number = number, items = {} }
        subtasks[#subtasks + 1] = last
      end
      last.items[#last.items + 1] = tonumber(index)
    end
  end
  for from = 1, #subtasks, CHUNK do
    local part, firsts = chunk(subtasks, from), {}
    for i, subtask in ipairs(part) do
      firsts[i] = subtask.items[1]
    end
    local stored = redis.call("HMGET", requests, unpack(firsts))
    for i, subtask in ipairs(part) do
      local _, _, fetch = parts(stored[i] or "")
      reply[#reply + 1] = subtask.items[1]
      reply[#reply + 1] = subtask.start
      reply[#reply + 1] = fetch or ""
      reply[#reply + 1] = subtask.number
      reply[#reply + 1] = subtask.number > 0 and ranges(subtask.items) or ""
    end
  end
end

-- The fields of the meta hash that take_to_do needs, and how many items of the
-- aggregation may be in flight if it has no cap of its own.
local function handing_out(uncapped)
  local m = redis.call("HMGET", meta, "window", "batch")
  local window, batch = tonumber(m[1]), tonumber(m[2])
  local step = batch
  if window == 0 or window > uncapped then
    window, step = uncapped, math.max(batch, math.floor(uncapped / 4))
  end
  return { window = window, step = step, batch = batch }
end

-- Takes as many of the items to do as the window has room for, once there is room for
-- a step of them. Returns their indexes, and how many wait for a worker already. A batch
-- is taken whole, so that its number is used once in a run.
local function take_to_do(bounds)
  local wait_already = redis.call("ZCARD", waiting)
  local room = bounds.window - wait_already - redis.call("ZCARD", claimed)
  if room < bounds.step then
    return {}, wait_already
  end
  local indexes = redis.call("LPOP", todo, int(room)) or {}
  local rest = bounds.batch > 1 and redis.call("LINDEX", todo, 0)
  if rest then
    local number = math.floor(rest / bounds.batch)
    while #indexes > 0 and math.floor(indexes[#indexes] / bounds.batch) == number do
      redis.call("LPUSH", todo, table.remove(indexes))
    end
  end
  return indexes, wait_already
end

-- Hands the items out: they wait for a worker now.
local function hand_out(now, indexes)
  for from = 1, #indexes, CHUNK do
    local entries = {}
    for _, index in ipairs(chunk(indexes, from)) do
      entries[#entries + 1] = int(now)
      entries[#entries + 1] = index
    end
    redis.call("ZADD", waiting, unpack(entries))
  end
end

-- What is told of an end, once, to whoever has brought it about: status, total, succeeded,
-- failed, canceled, us since acceptance, reason.
local function ending(status, counts, us, reason)
  local told = { status }
  for i = 1, 4 do
    told[1 + i] = tonumber(counts[i]) or 0
  end
  told[6] = tonumber(us) - (tonumber(counts[5]) or tonumber(us))
  told[7] = reason
  return told
end

-- The fields of the meta hash that ending needs.
local function counts_of_all()
  return redis.call("HMGET", meta, "total", "succeeded", "failed", "canceled", "accepted_us", "retention")
end

-- What follows the id in the message of an end for which its creator waits (answer.go): times in
-- ms, us since acceptance and counts, then the result lines. Only for a few short results,
-- since all APIs get it; else "", and who waits reads them.
local MOST_TOLD, MOST_TOLD_BYTES = 16, 8192
local function outcome(told, now, expires)
  if told[2] > MOST_TOLD then
    return ""
  end
  local m = redis.call("HMGET", meta, "waited_for", "retries", "started")
  if not m[1] or m[2] ~= "0" then
    return ""
  end
  local indexes, bytes = {}, 0
  for i = 1, told[2] do
    indexes[i] = i - 1
    local length = redis.call("HSTRLEN", results, i - 1) -- before what may be megabytes is read
    bytes = bytes + length
    if length == 0 or bytes > MOST_TOLD_BYTES then
      return ""
    end
  end
  local lines = redis.call("HMGET", results, unpack(indexes))
  local head = { "", told[1], m[3] or 0, int(now), int(expires), int(told[6]), told[3], told[4], told[5] }
  return table.concat(head, " ") .. "\n" .. table.concat(lines, "\n")
end

-- Ends the aggregation with the given status ("" = what the counts say): what
-- only a running one needs goes, the rest stays for the retention. Returns the ending.
local function finish(status, reason)
  local now, us = clock()
  local m = counts_of_all()
  if status == "" then
    local succeeded = tonumber(m[2])
    status = "partial"
    if succeeded == tonumber(m[1]) then
      status = "succeeded"
    elseif succeeded == 0 then
      status = "failed"
    end
  end
  redis.call("HSET", meta, "status", status, "finished", int(now), "finished_us", us)
  redis.call("DEL", todo, waiting, claimed, progress, followed)
  for _, key in ipairs({ meta, requests, results, order }) do
    redis.call("PEXPIRE", key, m[6])
  end
  local expires = now + tonumber(m[6])
  if schedule then
    -- What is left to look after is its expiry. Elsewhere a visit finds that out.
    redis.call("ZADD", schedule, "XX", planned_at(expires + 1000), id)
  end
  local told = ending(status, m, us, reason)
  redis.call("PUBLISH", "gather:changed", reason == "" and id .. outcome(told, now, expires) or id)
  return told
end

-- Tells those who read results as they come that there is something new.
local function tell_followers()
  if redis.call("EXISTS", followed) == 1 then
    redis.call("PUBLISH", "gather:changed", id)
  end
end

-- Gives items without a result, which no worker ended, the same end. error is a JSON object.
local function close_items(indexes, status, error, retries, now)
  local middle, last = ',"status":"' .. status .. '","elapsed_ms":', ',"truncated":false,"error":' .. error .. "}"
  local created = redis.call("HGET", meta, "created")
  for from = 1, #indexes, CHUNK do
    local part = chunk(indexes, from)
    local stored = redis.call("HMGET", requests, unpack(part))
    local standings = redis.call("HMGET", progress, unpack(part))
    local lines, places = {}, {}
    for i, index in ipairs(part) do
      local _, opening = parts(stored[i])
      local _, attempts, first = parse_standing(standings[i], retries)
      local started, elapsed = "", 0
      if attempts > 0 then
        started, elapsed = ',"started_ms":' .. int(first - created) .. "}", now - first
      end
      lines[2 * i - 1] = index
      lines[2 * i] = started .. opening .. middle .. int(elapsed) .. ',"attempts":' .. int(attempts) .. last
      places[i] = index .. string.sub(status, 1, 1)
    end
    redis.call("HSET", results, unpack(lines))
    redis.call("RPUSH", order, unpack(places))
    redis.call("HDEL", progress, unpack(part))
  end
  redis.call("HINCRBY", meta, status, #indexes)
end

-- Gives every unfinished item the same end, in input order, ends the aggregation,
-- and tells the workers to abort what they have in flight of it. Returns the ending.
local function close(item_status, error, status, reason, retries, now)
  local ended, unfinished = {}, {}
  -- A full Redis refuses a script at its first write if that needs memory, and lets
  -- it go on after one that needs none: what ends things must not be refused.
  redis.call("DEL", todo, waiting, claimed)
  for _, index in ipairs(redis.call("HKEYS", results)) do
    ended[index] = true
  end
  for i = 1, tonumber(redis.call("HGET", meta, "total")) do
    local index = int(i - 1)
    if not ended[index] then
      unfinished[#unfinished + 1] = index
    end
  end
  close_items(unfinished, item_status, error, retries, now)
  local told = finish(status, reason)
  redis.call("PUBLISH", "gather:closed", id)
  return told
end

-- When the deadline is over, by the fields of the meta hash. Both times are cut to the
-- millisecond: one more, so that nothing ends early.
local function deadline_of(accepted, deadline)
  return tonumber(accepted) + tonumber(deadline) + 1
end

-- Ends what is unfinished at the deadline. Returns the ending.
local function close_overdue(retries, now)
  local told = close("failed", '{"code":"deadline_exceeded","message":"the aggregation\'s deadline ended before the item"}', "", "deadline_exceeded", retries, now)
  redis.call("HSET", meta, "reason", "deadline_exceeded")
  return told
end

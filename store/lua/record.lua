-- Keeps results; the first of an item wins. Hands out the next items, or ends the
-- aggregation with its last result.
-- KEYS: where a script may touch several slots, also the schedule and the index.
-- ARGV: most items in flight without a cap, run, the first letters of the items' status, all in one, then
-- index and result line of each.
-- Returns { number of first results, the ending if this ended it else nil, lane, subtasks … }.
local m = redis.call("HMGET", meta, "status", "retries", "total", "lane")
if m[1] ~= "running" or ARGV[2] ~= m[2] then
  return { 0, false, m[4] or "" } -- what is of another run waits for its turn again since a retry
end
local first, n = 0, #ARGV[3]
local STATUS_OF = { s = "succeeded", f = "failed", c = "canceled" }

-- Picks from the items those that are handed out, and so have no result. What is for
-- another is late, and so is the second of two of one item. Those that no worker is at have been
-- waiting, some since a claim was lost.
local function pick(indexes, entries, lines)
  local picked, waited, seen = { {}, {}, {} }, {}, {}
  local standings = redis.call("HMGET", progress, unpack(indexes))
  local waits = redis.call("ZMSCORE", waiting, unpack(indexes))
  for i, index in ipairs(indexes) do
    if (standings[i] or waits[i]) and not seen[index] then
      seen[index] = true
      table.insert(picked[1], index)
      table.insert(picked[2], entries[i])
      table.insert(picked[3], index)
      table.insert(picked[3], lines[2 * i])
    end
    if waits[i] then
      waited[#waited + 1] = index
    end
  end
  if #waited > 0 then
    redis.call("ZREM", waiting, unpack(waited))
  end
  return unpack(picked)
end

-- Keeps the results of the items from one place up to another. Nearly always workers are at all
-- of them, which is told by how many claims this ends; to look them up first costs more than all else.
local function record(from, to)
  local indexes, entries, counts = {}, {}, {}
  local lines = { unpack(ARGV, 2 + 2 * from, 3 + 2 * to) }
  for i = from, to do
    local index = lines[2 * (i - from) + 1]
    indexes[#indexes + 1] = index
    entries[#entries + 1] = index .. string.sub(ARGV[3], i, i)
  end
  if redis.call("ZREM", claimed, unpack(indexes)) < #indexes then
    indexes, entries, lines = pick(indexes, entries, lines)
  end
  if #indexes == 0 then
    return
  end
  redis.call("HSET", results, unpack(lines))
  redis.call("RPUSH", order, unpack(entries))
  redis.call("HDEL", progress, unpack(indexes))
  for _, entry in ipairs(entries) do
    local status = STATUS_OF[string.sub(entry, -1)]
    counts[status] = (counts[status] or 0) + 1
  end
  for status, count in pairs(counts) do
    redis.call("HINCRBY", meta, status, count)
  end
  first = first + #indexes
end

for from = 1, n, CHUNK do
  record(from, math.min(from + CHUNK - 1, n))
end
local reply = { first, false, m[4] }
if first == 0 then
  return reply
end
if redis.call("HLEN", results) == tonumber(m[3]) then
  reply[2] = finish("", "")
  return reply
end
if redis.call("EXISTS", todo) == 1 then
  local bounds = handing_out(tonumber(ARGV[1]))
  local indexes = take_to_do(bounds)
  hand_out(now_ms(), indexes)
  add_subtasks(reply, indexes, tonumber(m[2]), bounds.batch, true)
end
tell_followers()
return reply

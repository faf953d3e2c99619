-- Keeps results; the first of an item wins. Hands out the next items, or ends the
-- aggregation with its last result.
-- KEYS: where a script may touch several slots, also the schedule and the index.
-- ARGV: most items in flight without a cap, then index, run, status and result line of each.
-- Returns { number of first results, the ending if this ended it else nil, lane, subtasks … }.
local m = redis.call("HMGET", meta, "status", "retries", "total", "lane")
if m[1] ~= "running" then
  return { 0, false, m[4] or "" }
end
local first = 0

-- Keeps the results from place `from` of the arguments up to place `to`, which are
-- all different items'. An item that is handed out has no result. What is for another
-- is late: it has one, or waits for its turn again since a retry.
local function record(from, to)
  local indexes = {}
  for i = from, to, 4 do
    indexes[#indexes + 1] = ARGV[i]
  end
  local held = redis.call("ZMSCORE", claimed, unpack(indexes))
  local waits = scores_of_rest(waiting, indexes, held)
  local ended, waited, lines, places, counts = {}, {}, {}, {}, {}
  for n, index in ipairs(indexes) do
    local i = from + 4 * (n - 1)
    if ARGV[i + 1] == m[2] and (held[n] or waits[n]) then
      local status = ARGV[i + 2]
      ended[#ended + 1] = index
      if waits[n] then
        waited[#waited + 1] = index
      end
      lines[#lines + 1] = index
      lines[#lines + 1] = ARGV[i + 3]
      places[#places + 1] = index .. string.sub(status, 1, 1)
      counts[status] = (counts[status] or 0) + 1
    end
  end
  if #ended == 0 then
    return
  end
  redis.call("ZREM", claimed, unpack(ended))
  if #waited > 0 then
    redis.call("ZREM", waiting, unpack(waited))
  end
  redis.call("HSET", results, unpack(lines))
  redis.call("RPUSH", order, unpack(places))
  redis.call("HDEL", progress, unpack(ended))
  for status, count in pairs(counts) do
    redis.call("HINCRBY", meta, status, count)
  end
  first = first + #ended
end

-- Of two results of one item in a call the second is late.
for_different_items(record)
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
  add_subtasks(reply, indexes, tonumber(m[2]), bounds.batch)
end
tell_followers()
return reply

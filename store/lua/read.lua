-- Reads where the aggregation stands and, in input order, the result lines that belong to it.
-- KEYS: meta hash, results. ARGV: first index, most bytes (one line is returned even if it is longer), 1 to read
-- lines only of one that has finished, 2 to read none, else 0.
-- Returns { meta hash, seconds, us, next index or -1 at the end, line, … }; nil if there is no such aggregation.
local state = redis.call("HGETALL", KEYS[1])
if #state == 0 then
  return nil
end
local time = redis.call("TIME")
local reply = { state, time[1], time[2], -1 }
local known = redis.call("HMGET", KEYS[1], "total", "status")
if ARGV[3] == "2" or ARGV[3] == "1" and (known[2] == "queued" or known[2] == "running") then
  return reply
end
-- Several at once, by the length of those before: what is read beyond the bound is read
-- in vain, and a line may be as long as a body.
local MOST_AT_ONCE = 100
local total, index, most, bytes, at_once = tonumber(known[1]), tonumber(ARGV[1]), tonumber(ARGV[2]), 0, 2
local last = #reply
while index < total do
  if bytes >= most then
    reply[4] = index
    return reply
  end
  local fields, n = {}, math.min(at_once, total - index)
  for i = 1, n do
    fields[i] = index + i - 1
  end
  local lines = redis.call("HMGET", KEYS[2], unpack(fields))
  for i = 1, n do
    local line = lines[i]
    if line then
      bytes = bytes + #line
      if bytes > most and last > 4 then
        reply[4] = index + i - 1
        return reply
      end
      last = last + 1
      reply[last] = line
    end
  end
  index = index + n
  local average = bytes / (index - tonumber(ARGV[1])) + 1
  at_once = math.max(1, math.min(math.floor((most - bytes) / average), MOST_AT_ONCE, 16 * at_once))
end
return reply

-- Reads which items workers have begun and not finished. There are never more than may be
-- handed out at once.
-- Returns { meta hash, now in ms, index, attempts, when the first was sent, 1 if a worker is
-- at it else 0, … }; nil if there is no such aggregation.
local state = redis.call("HGETALL", meta)
if #state == 0 then
  return nil
end
local held = {}
for _, index in ipairs(redis.call("ZRANGE", claimed, 0, -1)) do
  held[index] = true
end
local reply = { state, now_ms() }
local standings = redis.call("HGETALL", progress)
for i = 1, #standings, 2 do
  local _, attempts, first = parse_standing(standings[i + 1], 0)
  if attempts > 0 then
    reply[#reply + 1] = tonumber(standings[i])
    reply[#reply + 1] = attempts
    reply[#reply + 1] = first
    reply[#reply + 1] = held[standings[i]] and 1 or 0
  end
end
return reply

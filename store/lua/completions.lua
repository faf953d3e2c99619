-- Reads results in order of completion, with the state that belongs to them.
-- ARGV: last position known (one that never was counts as the last there is), most bytes. One line is returned even if it is longer.
-- Returns { meta hash, now in ms, 1 if there is more else 0, last position looked at,
-- position, line, … }; nil if there is no such aggregation.
local state = redis.call("HGETALL", meta)
if #state == 0 then
  return nil
end
local length, bytes = redis.call("LLEN", order), 0
local last = math.max(0, math.min(tonumber(ARGV[1]), length))
local entries = redis.call("LRANGE", order, int(last), int(last + CHUNK - 1))
local reply = { state, now_ms(), 0, last }
for _, entry in ipairs(entries) do
  local index = string.match(entry, "^%d+")
  if index then
    local line = redis.call("HGET", results, index)
    bytes = bytes + #line
    if bytes > tonumber(ARGV[2]) and #reply > 4 then
      break
    end
    reply[#reply + 1] = last + 1
    reply[#reply + 1] = line
  end
  last = last + 1
end
if last < length then
  reply[3] = 1
end
reply[4] = last
return reply

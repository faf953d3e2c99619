-- Reads result lines in input order.
-- ARGV: first index, most bytes. One line is returned even if it is longer.
-- Returns { next index or -1 at the end, line, … }; nil if there is no such aggregation.
local total = tonumber(redis.call("HGET", meta, "total"))
if not total then
  return nil
end
local reply, bytes, index = { -1 }, 0, tonumber(ARGV[1])
while index < total do
  local line = redis.call("HGET", results, index)
  if line then
    bytes = bytes + #line
    if bytes > tonumber(ARGV[2]) and #reply > 1 then
      break
    end
    reply[#reply + 1] = line
  end
  index = index + 1
end
if index < total then
  reply[1] = index
end
return reply

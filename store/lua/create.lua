-- Creates the aggregation, unless it exists: creating it twice is a success.
-- KEYS: where a script may touch several slots, also the schedule and the index, and where it has an owner
-- the owner's index and the owners, which are written with it; elsewhere they are written before.
-- ARGV: ms until the first visit, number of fields, the meta hash's fields and values, then the stored requests.
-- Returns { 1 if this call created it, 0 if it was there, -1 if it was abandoned, now in ms, meta hash }.
local now = now_ms()
if redis.call("EXISTS", abandoned) == 1 then
  return { -1, now, {} }
end
if redis.call("EXISTS", meta) == 1 then
  return { 0, now, redis.call("HGETALL", meta) }
end
if KEYS[12] then
  -- Half a millisecond, as always but in a tick (watch.go).
  redis.call("ZADD", KEYS[11], int(now + tonumber(ARGV[1])) .. ".5", id)
  redis.call("ZADD", KEYS[12], 0, id)
end
if KEYS[14] then
  redis.call("ZADD", KEYS[13], 0, id)
  redis.call("HSET", KEYS[14], id, string.sub(KEYS[13], #KEYS[12] + 2)) -- the key ends in the owner's name
end
local fields = tonumber(ARGV[2])
redis.call("HSET", meta, "status", "queued", "created", int(now), "accepted", int(now), "accepted_us", now_us(),
  "succeeded", 0, "failed", 0, "canceled", 0, "retries", 0, unpack(ARGV, 3, 2 + fields))
local first = 3 + fields
for from = first, #ARGV, CHUNK do
  local pairs, indexes = {}, {}
  for i = from, math.min(from + CHUNK - 1, #ARGV) do
    local index = tostring(i - first)
    indexes[#indexes + 1] = index
    pairs[#pairs + 1] = index
    pairs[#pairs + 1] = ARGV[i]
  end
  redis.call("HSET", requests, unpack(pairs))
  redis.call("RPUSH", todo, unpack(indexes))
end
return { 1, now, redis.call("HGETALL", meta) }

-- Creates the aggregation, unless it exists: creating it twice is a success.
-- KEYS: where a script may touch several slots, also the schedule and the index, and where it has an owner
-- the owner's index and the owners, which are written with it; elsewhere they are written before.
-- ARGV: ms until the first visit, until when it may be created (ms), number of fields, the meta hash's fields and values, then the stored requests.
-- Returns { 1 if this call created it, 0 if it was there, -1 if it was abandoned or it is too late, now in us, what this call
-- has not of its arguments of the meta hash }.
local now, us = clock()
if redis.call("EXISTS", abandoned) == 1 then
  return { -1, us, {} }
end
if redis.call("EXISTS", meta) == 1 then
  return { 0, us, redis.call("HGETALL", meta) }
end
if now > tonumber(ARGV[2]) then
  return { -1, us, {} }
end
if schedule then
  redis.call("ZADD", schedule, planned_at(now + tonumber(ARGV[1])), id)
  redis.call("ZADD", index_of_all, 0, id)
end
if KEYS[14] then
  redis.call("ZADD", KEYS[13], 0, id)
  redis.call("HSET", KEYS[14], id, string.sub(KEYS[13], #KEYS[12] + 2)) -- the key ends in the owner's name
end
local fields = tonumber(ARGV[3])
local state = { "status", "queued", "created", int(now), "accepted", int(now), "accepted_us", us,
  "succeeded", "0", "failed", "0", "canceled", "0", "retries", "0" }
redis.call("HSET", meta, unpack(state))
redis.call("HSET", meta, unpack(ARGV, 4, 3 + fields))
local first = 4 + fields
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
return { 1, us, state }

-- Grants a request, or not, by the generic cell rate algorithm (GCRA): the key holds when
-- a bucket that leaks at the rate would be empty again.
-- KEYS: rate. ARGV: us from one request to the next at the rate, burst.
-- Returns { 1 if granted else 0, us until the bucket is empty }.
local t = redis.call("TIME")
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local empty = math.max(now, tonumber(redis.call("GET", KEYS[1]) or 0))
-- Not even a clock that was set back makes a bucket fuller than full.
empty = math.min(empty, now + burst * interval)
if empty + interval > now + burst * interval then
  return { 0, empty - now }
end
empty = empty + interval
-- In this order: a full Redis lets a script go on whose first write needs no memory, and
-- who may read what is there must go on to.
redis.call("DEL", KEYS[1])
redis.call("SET", KEYS[1], string.format("%.0f", empty), "PX", string.format("%.0f", math.ceil((empty - now) / 1000)))
return { 1, empty - now }

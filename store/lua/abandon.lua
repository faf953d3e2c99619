-- Sees to it that an aggregation that does not exist is not created later, by a
-- command that is still on its way.
-- ARGV: for how long, in ms.
-- Returns 1 if it exists, else 0.
if redis.call("EXISTS", meta) == 1 then
  return 1
end
redis.call("SET", abandoned, 1, "PX", ARGV[1])
return 0

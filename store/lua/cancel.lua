-- Cancels an unfinished aggregation; what has a result keeps it.
-- Returns { 1, the ending }, { 0 } if it has finished already, { -1 } if there is none.
local m = redis.call("HMGET", meta, "status", "retries")
if not m[1] then
  return { -1 }
end
if m[1] ~= "queued" and m[1] ~= "running" then
  return { 0 }
end
return { 1, close("canceled", '{"code":"canceled","message":"the aggregation was canceled"}', "canceled", "", tonumber(m[2]), now_ms()) }

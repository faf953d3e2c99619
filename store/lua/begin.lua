-- Takes up a queued aggregation and hands out its first items: some of those of a
-- small one to the caller itself, claimed, and the rest to the queue. Done again,
-- it hands out the same: to the holder of claims those, in case their reply was lost, and
-- to the queue all that wait for a worker by now, in input order.
-- ARGV: most items in flight without a cap, slack in ms (claim.lua), most items to claim, their holder,
-- least batches, most items of a batch, least batches that a cap holds.
-- Returns nil if there is nothing to run, else
-- { lane, ms until the deadline, run, ms from acceptance until this call took it up or -1 if another has,
-- { index, start, stored request, ms since the first attempt and ms from the creation to that of each claim }, subtasks … }.
local m = redis.call("HMGET", meta, "status", "retries", "accepted", "deadline", "lane", "created", "total", "window")
local status, retries = m[1], tonumber(m[2])
if status ~= "queued" and status ~= "running" then
  return nil
end
local now = now_ms()

-- How many items of this run make one subtask.
local function batch_size()
  local size = math.min(math.floor(m[7] / ARGV[5]), tonumber(ARGV[6]))
  if m[8] ~= "0" then
    size = math.min(size, math.floor(m[8] / ARGV[7]))
  end
  return math.max(1, size)
end

if status == "queued" then
  redis.call("HSET", meta, "status", "running", "batch", int(batch_size()))
  redis.call("HSETNX", meta, "started", int(now))
end
local most, holder = tonumber(ARGV[3]), ARGV[4]
local claims = {}

local function add_claim(index, start, request, since_first)
  claims[#claims + 1] = tonumber(index)
  claims[#claims + 1] = start
  claims[#claims + 1] = request
  claims[#claims + 1] = since_first
  claims[#claims + 1] = now - since_first - m[6]
end

local function end_of(request)
  return int(now + tonumber(timeout_of(request)) + tonumber(ARGV[2]))
end

-- Claims the first of the items, which nobody has had in this run. Returns the others.
local function claim(indexes)
  local mine, others = {}, {}
  for i, index in ipairs(indexes) do
    if i <= most then
      mine[i] = index
    else
      others[i - most] = index
    end
  end
  local fields, ends = {}, {}
  local start = first_start(retries)
  local standing = format_standing(start, 1, now, holder)
  for i, request in ipairs(redis.call("HMGET", requests, unpack(mine))) do
    fields[2 * i - 1], fields[2 * i] = mine[i], standing
    ends[2 * i - 1], ends[2 * i] = end_of(request), mine[i]
    add_claim(mine[i], start, request, 0)
  end
  redis.call("HSET", progress, unpack(fields))
  redis.call("ZADD", claimed, unpack(ends))
  return others
end

-- Claims once more what an earlier call has claimed for the same holder.
local function claim_again()
  local indexes, ends = redis.call("ZRANGE", claimed, 0, -1), {}
  for from = 1, #indexes, CHUNK do
    local part = chunk(indexes, from)
    for i, standing in ipairs(redis.call("HMGET", progress, unpack(part))) do
      local start, attempts, first, held_by = parse_standing(standing, retries)
      if held_by == holder and attempts == 1 then
        local request = redis.call("HGET", requests, part[i])
        add_claim(part[i], start, request, now - first)
        ends[#ends + 1] = end_of(request)
        ends[#ends + 1] = part[i]
      end
    end
  end
  if #ends > 0 then
    redis.call("ZADD", claimed, unpack(ends))
  end
end

local bounds = handing_out(tonumber(ARGV[1]))
local indexes, wait_already = take_to_do(bounds)
local small = string.sub(m[5], -5) ~= "-bulk"
if most > 0 and small then
  if status == "running" then
    claim_again()
  elseif #indexes > 0 then
    indexes = claim(indexes)
  end
end
hand_out(now, indexes)
if wait_already > 0 then
  indexes = redis.call("ZRANGEBYSCORE", waiting, "-inf", int(now))
  table.sort(indexes, function(a, b) return tonumber(a) < tonumber(b) end)
end
local waited = -1
if status == "queued" then
  waited = math.max(0, now - tonumber(m[3]))
end
local reply = { m[5], tonumber(m[3]) + tonumber(m[4]) - now, retries, waited, claims }
add_subtasks(reply, indexes, retries, bounds.batch, wait_already == 0)
return reply

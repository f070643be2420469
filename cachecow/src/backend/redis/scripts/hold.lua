-- KEYS: for each object its value and its flag, or twice its flag if that is meant alone,
--       or twice an epoch.
--       Then perhaps one that never exists, so that this runs only where the slot rests.
-- ARGV: for each object the token and the hold's time to live in ms.
-- Returns 3 for each object.
-- The flag is a sorted set of the writers' tokens by the time their holds end, on the server's clock. While
-- there has been no other and no invalidation since the first was placed, 'alone' is among them.
local replies = {}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #KEYS - 1, 2 do
  local flag = KEYS[i + 1]
  if KEYS[i] ~= KEYS[i + 1] then
    redis.call('DEL', KEYS[i])
  end
  if redis.call('TYPE', flag).ok ~= 'zset' then
    redis.call('DEL', flag)
  end
  redis.call('ZREMRANGEBYSCORE', flag, '-inf', now)
  redis.call('ZREM', flag, 'alone')
  local is_first = redis.call('ZCARD', flag) == 0
  -- First the expiry: a user who is denied PEXPIREAT gets no hold, instead of one that never ends.
  redis.call('PEXPIREAT', flag, string.format('%.0f', now + tonumber(ARGV[i + 1])))
  redis.call('ZADD', flag, string.format('%.0f', now + tonumber(ARGV[i + 1])), ARGV[i])
  if is_first then
    redis.call('ZADD', flag, string.format('%.0f', now + tonumber(ARGV[i + 1])), 'alone')
  end
  local last = redis.call('ZRANGE', flag, -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', flag, string.format('%.0f', last[2]))
  replies[#replies + 1] = 3
end
return replies

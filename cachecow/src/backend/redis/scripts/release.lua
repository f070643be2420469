-- KEYS: for each object its value and its flag, or twice its flag if that is meant alone,
--       or twice an epoch.
--       Then perhaps one that never exists, so that this runs only where the slot rests.
-- ARGV: for each object the token.
-- Returns 3 for each object.
local replies = {}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #KEYS - 1, 2 do
  local flag = KEYS[i + 1]
  if KEYS[i] ~= KEYS[i + 1] then
    redis.call('DEL', KEYS[i])
  end
  if redis.call('TYPE', flag).ok == 'zset' then
    redis.call('ZREM', flag, ARGV[(i + 1) / 2], 'alone')
    redis.call('ZREMRANGEBYSCORE', flag, '-inf', now)
    local last = redis.call('ZRANGE', flag, -1, -1, 'WITHSCORES')
    if last[2] then
      redis.call('PEXPIREAT', flag, string.format('%.0f', last[2]))
    end
  else
    -- The hold has ended before the work: whoever claimed since may have read the old value.
    redis.call('DEL', flag)
  end
  replies[#replies + 1] = 3
end
return replies

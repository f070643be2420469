-- KEYS: for each object its value and its flag.
--       Then perhaps one that never exists, so that this runs only where the slot rests.
-- ARGV: for each object the token, the time to live in ms, and the value to store.
-- Returns for each object 1 = released and stored, 0 = released.
local replies = {}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #KEYS - 1, 2 do
  local a = (i - 1) / 2 * 3 + 1
  local flag = KEYS[i + 1]
  local stored = 0
  redis.call('DEL', KEYS[i])
  if redis.call('TYPE', flag).ok == 'zset' then
    redis.call('ZREMRANGEBYSCORE', flag, '-inf', now)
    if redis.call('ZSCORE', flag, ARGV[a]) and redis.call('ZSCORE', flag, 'alone') then
      redis.call('SET', KEYS[i], ARGV[a + 2], 'PX', ARGV[a + 1])
      stored = 1
    end
    redis.call('ZREM', flag, ARGV[a], 'alone')
    local last = redis.call('ZRANGE', flag, -1, -1, 'WITHSCORES')
    if last[2] then
      redis.call('PEXPIREAT', flag, string.format('%.0f', last[2]))
    end
  else
    redis.call('DEL', flag)
  end
  replies[#replies + 1] = stored
end
return replies

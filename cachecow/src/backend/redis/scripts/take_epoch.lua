-- KEYS: epochs; then perhaps a key that never exists, so that this runs only where the slot rests.
-- ARGV: for each a token, whose first half a new one begins with, and the least time to live in ms.
-- Returns for each the epoch, or 2 = writers hold it, and none may begin.
local replies = {}
-- Should something on the way repeat this, the second half is another.
local number
for i = 1, #ARGV / 2 do
  local epoch = redis.pcall('GET', KEYS[i])
  local ttl = tonumber(ARGV[2 * i])
  -- Twice the time, so that it is not prolonged at each use.
  local twice = string.format('%.0f', 2 * ttl)
  if type(epoch) == 'table' and redis.call('TYPE', KEYS[i]).ok == 'zset' then
    epoch = 2
  elseif type(epoch) ~= 'string' or #epoch ~= 16 then
    if not number then
      local now = redis.call('TIME')
      number = struct.pack('>I8', now[1] * 1000000 + now[2])
    end
    epoch = string.sub(ARGV[2 * i - 1], 1, 8) .. number
    redis.call('SET', KEYS[i], epoch, 'PX', twice)
  elseif redis.call('PTTL', KEYS[i]) < ttl then
    redis.call('PEXPIRE', KEYS[i], twice)
  end
  replies[i] = epoch
end
return replies

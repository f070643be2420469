-- KEYS: epochs.
-- ARGV: for each the token of a new one, and the least time to live in ms.
-- Returns for each the epoch, or 2 = none may begin for now.
local replies = {}
for i = 1, #KEYS do
  local epoch = redis.pcall('GET', KEYS[i])
  local ttl = tonumber(ARGV[2 * i])
  -- Twice the time, so that it is not prolonged at each use.
  local twice = string.format('%.0f', 2 * ttl)
  if epoch == 'settling' then
    epoch = 2
  elseif type(epoch) ~= 'string' or #epoch ~= 16 then
    epoch = ARGV[2 * i - 1]
    redis.call('SET', KEYS[i], epoch, 'PX', twice)
  elseif redis.call('PTTL', KEYS[i]) < ttl then
    redis.call('PEXPIRE', KEYS[i], twice)
  end
  replies[i] = epoch
end
return replies

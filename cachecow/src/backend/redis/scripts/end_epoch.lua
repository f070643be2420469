-- KEYS: epochs; then perhaps a key that never exists, so that this runs only where the slot rests.
-- ARGV: for each the time to settle in ms, or 0.
-- Returns 3 for each.
local replies = {}
for i = 1, #ARGV do
  local settle = tonumber(ARGV[i])
  if redis.pcall('GET', KEYS[i]) == 'settling' then
    settle = math.max(settle, redis.call('PTTL', KEYS[i]))
  end
  -- So that something changes, which replicas can acknowledge.
  redis.pcall('SET', KEYS[i], '')
  -- A full server still takes this, and then also the next.
  redis.call('DEL', KEYS[i])
  if settle > 0 then
    redis.call('SET', KEYS[i], 'settling', 'PX', string.format('%.0f', settle))
  end
  replies[i] = 3
end
return replies

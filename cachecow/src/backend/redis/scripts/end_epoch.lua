-- KEYS: epochs.
-- ARGV: for each the time to settle in ms, or 0.
-- Returns 3 for each.
local replies = {}
for i = 1, #KEYS do
  local settle = tonumber(ARGV[i])
  if redis.pcall('GET', KEYS[i]) == 'settling' then
    settle = math.max(settle, redis.call('PTTL', KEYS[i]))
  end
  -- First, since a full server still takes it, and then also the other.
  redis.call('DEL', KEYS[i])
  if settle > 0 then
    redis.call('SET', KEYS[i], 'settling', 'PX', string.format('%.0f', settle))
  end
  replies[i] = 3
end
return replies

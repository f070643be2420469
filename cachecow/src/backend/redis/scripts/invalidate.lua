-- KEYS: for each object its value and its flag, or twice its flag if that is meant alone,
--       or twice an epoch.
--       Then perhaps one that never exists, so that this runs only where the slot rests.
-- Returns 3 for each object.
local replies = {}
for i = 1, #KEYS - 1, 2 do
  if KEYS[i] ~= KEYS[i + 1] then
    redis.call('DEL', KEYS[i])
  end
  if redis.call('TYPE', KEYS[i + 1]).ok == 'zset' then
    -- What a writer under way read may be older than this.
    redis.call('ZREM', KEYS[i + 1], 'alone')
  else
    redis.call('DEL', KEYS[i + 1])
  end
  replies[#replies + 1] = 3
end
return replies

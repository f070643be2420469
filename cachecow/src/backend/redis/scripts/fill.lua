-- KEYS: for each object its value and its flag.
--       Then perhaps one that never exists, so that this runs only where the slot rests.
-- ARGV: for each object the token with the number of its grant, the time to live in ms, and the value to store.
-- Returns for each object 1 = stored, 0 = refused.
local replies = {}
for i = 1, #KEYS - 1, 2 do
  local a = (i - 1) / 2 * 3 + 1
  -- A writer's holds are no string: the GET fails, and its error is a table.
  local flag = redis.pcall('GET', KEYS[i + 1])
  if type(flag) == 'string' and string.sub(flag, 1, #ARGV[a]) == ARGV[a] then
    redis.call('SET', KEYS[i], ARGV[a + 2], 'PX', ARGV[a + 1])
    redis.call('DEL', KEYS[i + 1])
    replies[#replies + 1] = 1
  else
    replies[#replies + 1] = 0
  end
end
return replies

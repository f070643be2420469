-- KEYS: for each object its value and its flag.
--       Then perhaps one that never exists, so that this runs only where the slot rests.
-- ARGV: for each object the token, with the number of its grant if that is known.
-- Returns for each object 1 = the token stood, 0 = it did not.
local replies = {}
for i = 1, #KEYS - 1, 2 do
  local token = ARGV[(i + 1) / 2]
  local flag = redis.pcall('GET', KEYS[i + 1])
  if type(flag) == 'string' and string.sub(flag, 1, #token) == token then
    redis.call('DEL', KEYS[i + 1])
    replies[#replies + 1] = 1
  else
    replies[#replies + 1] = 0
  end
end
return replies

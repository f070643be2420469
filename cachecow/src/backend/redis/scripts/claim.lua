-- KEYS: for each object its value and its flag.
--       Then perhaps one that never exists, so that this runs only where the slot rests.
-- ARGV: the lease in ms; for each object the token, and of a value that counts as none the length
--       or '', the beginning, and whether it stays: '1' or ''.
-- Returns for each object its value, or 0 = leased by another, 2 = held by a writer, or, if it is
-- claimed, the number of the grant, which stands in the flag behind the token.
local replies = {}
-- Should something on the way repeat a claim, the second is granted under another number.
local grant
for i = 1, #KEYS - 1, 2 do
  local a = (i - 1) / 2 * 4 + 2
  local value = redis.pcall('GET', KEYS[i])
  if type(value) == 'table' then
    if not string.find(value.err, 'WRONGTYPE', 1, true) then
      return value
    end
    -- Not a string: nothing of ours.
    redis.call('DEL', KEYS[i])
    value = false
  elseif value and ARGV[a + 1] ~= '' and #value == tonumber(ARGV[a + 1])
      and string.sub(value, 1, #ARGV[a + 2]) == ARGV[a + 2] then
    if ARGV[a + 3] == '' then
      redis.call('DEL', KEYS[i])
    end
    value = false
  end
  if not value and not grant then
    local now = redis.call('TIME')
    grant = now[1] * 1000000 + now[2]
  end
  local mark = grant and ARGV[a] .. string.format('%.0f', grant)
  if value then
    replies[#replies + 1] = value
  elseif redis.call('SET', KEYS[i + 1], mark, 'NX', 'PX', ARGV[1]) then
    replies[#replies + 1] = grant
  elseif redis.call('TYPE', KEYS[i + 1]).ok == 'zset' then
    replies[#replies + 1] = 2
  else
    replies[#replies + 1] = 0
  end
end
return replies

local fault
for i = 1, #KEYS - 1, 2 do
  local written
  if KEYS[i] ~= KEYS[i + 1] or redis.call('TYPE', KEYS[i]).ok ~= 'zset' then
    written = redis.pcall('SET', KEYS[i], '')
  else
    -- Beside the holds, which must stay.
    written = redis.pcall('ZADD', KEYS[i], 0, 'mark')
    redis.call('ZREM', KEYS[i], 'mark')
  end
  if type(written) == 'table' and written.err then
    fault = written
  end
end
local function carry_out()

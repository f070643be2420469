local fault
for i = 1, #KEYS - 1, 2 do
  -- Not over the holds of an epoch.
  if KEYS[i] ~= KEYS[i + 1] or redis.call('TYPE', KEYS[i]).ok ~= 'zset' then
    local written = redis.pcall('SET', KEYS[i], '')
    if written.err then
      fault = written
    end
  end
end
local function carry_out()

-- One partition's batch for the online store, written only where it moves the partition on and each row forward.
--
-- KEYS  1 offset key, 2 heartbeat key, 3.. row keys
-- ARGV  1 the offset that must be stored ('' = none), 2 the offset to store ('' = leave it),
--       3 the heartbeat to store ('' = leave it), then for each row its value and its expiry in ms (PXAT)
-- Returns {0, stored offset or ''} if another offset is stored, else {1, rows written, indexes (from 0) of fenced rows...}
--
-- The first 24 bytes of a value are its version, three unsigned big-endian 64-bit numbers. Lua would compare
-- strings by locale and round 64-bit numbers, so four 48-bit numbers are compared, which a double holds exactly.
-- The offset comes last: should the script die half-way, the batch is read again and its rows meet themselves.
local call, unpack_version = redis.call, struct.unpack

local stored = call('GET', KEYS[1]) or ''
if stored ~= ARGV[1] then
  return {0, stored}
end

local result, written = {1, 0}, 0
for i = 3, #KEYS do
  local key, value = KEYS[i], ARGV[2 * i - 2]
  local standing = call('GETRANGE', key, 0, 23)
  local greater = #standing < 24
  if not greater and #value >= 24 then
    local a1, a2, a3, a4 = unpack_version('>I6I6I6I6', value)
    local b1, b2, b3, b4 = unpack_version('>I6I6I6I6', standing)
    greater = a1 > b1 or a1 == b1 and (a2 > b2 or a2 == b2 and (a3 > b3 or a3 == b3 and a4 > b4))
  end
  if greater then
    call('SET', key, value, 'PXAT', ARGV[2 * i - 1])
    written = written + 1
  else
    result[#result + 1] = i - 3
  end
end
result[2] = written

if ARGV[3] ~= '' then
  call('SET', KEYS[2], ARGV[3])
end
if ARGV[2] ~= '' then
  call('SET', KEYS[1], ARGV[2])
end
return result

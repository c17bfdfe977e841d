-- Counters of a range of hours. 2 from, 3 to, 4 a tag or nothing. Answers: an hour, its count of words, field and
-- count in turn, then the same by the tag's values.
local out = {}
local function add(key)
  local fields = call('HGETALL', key)
  out[#out + 1] = #fields
  for _, v in ipairs(fields) do out[#out + 1] = v end
end
for _, hour in ipairs(call('ZRANGEBYSCORE', base .. ':hours', ARGV[2], ARGV[3])) do
  out[#out + 1] = hour
  add(base .. ':usage:' .. hour)
  if ARGV[4] == '' then
    out[#out + 1] = 0
  else
    add(base .. ':tag:' .. ARGV[4] .. ':' .. hour)
  end
end
return out

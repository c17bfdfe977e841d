-- Counters of a range of hours. 2 from, 3 to. Answers: an hour, its count of words, field and count in turn.
local out = {}
for _, hour in ipairs(call('ZRANGEBYSCORE', base .. ':hours', ARGV[2], ARGV[3])) do
  local fields = call('HGETALL', base .. ':usage:' .. hour)
  out[#out + 1] = hour
  out[#out + 1] = #fields
  for _, v in ipairs(fields) do out[#out + 1] = v end
end
return out

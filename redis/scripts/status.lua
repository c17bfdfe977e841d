-- The books as they stand. 2 key (empty: none). Answers the override's five words, month and day with
-- number, spent, reserved and end, then requests, tokens and open of team and key.
local out = {}
local w = word()
for i = 1, 5 do out[i] = w[i] or '' end
for _, a in ipairs(windows(now)) do
  for _, v in ipairs({ a.number, a.spent, a.reserved, ends(a) }) do out[#out + 1] = v end
end
for _, p in ipairs({ pace(nil), pace(ARGV[2]) }) do
  for _, v in ipairs({ fill(p.requests), fill(p.tokens), p.open }) do out[#out + 1] = v end
end
return out

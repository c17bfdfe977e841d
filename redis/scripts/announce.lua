-- What an owner holds open, told again after the store changed its role: made anew where it was lost.
-- 2 id, 3 made, 4 key, 5 total, 6 tokens, 7 granted, 8 route.
local id, made, total = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5])
local e = entry(id)
if e then
  if e.state ~= 'open' then return { 'gone' } end
  if total > e.amount then
    local list, more = windows(e.granted), total - e.amount
    e.amount = total
    lease(e)
    for _, a in ipairs(list) do move(a, 0, more) end
  else
    lease(e)
  end
  return { 'open' }
end
if is_void(made) then return { 'gone' } end
local granted = tonumber(ARGV[7])
local list, team, own = windows(granted), pace(nil), pace(ARGV[4])
lease({ id = id, state = 'open', amount = total, tokens = tonumber(ARGV[6]), granted = granted, key = ARGV[4],
  route = ARGV[8] })
put_pace(team, team.requests, team.tokens, 1)
put_pace(own, own.requests, own.tokens, 1)
for _, a in ipairs(list) do move(a, 0, total) end
return { 'open' }

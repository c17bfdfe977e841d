-- The true cost in place of whatever is found. 2 id, 3 made, 4 cost, 5 tokens, 6 '1' if unreserved, 7 daily,
-- 8 monthly, 9 tokens a minute of the team, 10 of the key, 11 how many tags, then those, name and value in
-- turn, then usage: field and count in turn.
local id, made, cost, tokens = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local unreserved = ARGV[6] == '1'
local e, w = entry(id), word()
if e and e.state == 'closed' then return lines({ 'closed', '', e.amount }) end
if not e then
  local late = unreserved and made <= now + LIFE and now < settled_until(made, made)
  if is_void(made) and not late then return lines({ 'void', '', '0' }) end
end
local daily, monthly = limit(w[1] or ARGV[7]), limit(w[2] or ARGV[8])
local list = windows(e and e.granted or made)
local moves, usage, tags = {}, {}, {}
local usage_at = 12 + 2 * tonumber(ARGV[11])
for i = 12, usage_at - 1 do tags[#tags + 1] = ARGV[i] end
for i = usage_at, #ARGV do
  moves[#moves + 1] = ARGV[i]
  usage[#usage + 1] = ARGV[i]
end
local found, amount, held, back, team, own = 'unknown', '', 0, 0, nil, nil
if e and e.state == 'open' then
  found, amount, held = 'open', e.amount, e.amount
  team, own = pace(nil), pace(e.key)
elseif e then
  found, amount, back = 'reaped', e.amount, e.amount
  interrupted(moves, e.route, e.amount, -1)
end
local counts = read_counts(made, moves, tags, usage)

if found == 'open' then
  call('ZREM', base .. ':leases', id)
  put_pace(team, team.requests, correct(team.tokens, e.tokens, tokens, e.granted, limit(w[4] or ARGV[9])), -1)
  put_pace(own, own.requests, correct(own.tokens, e.tokens, tokens, e.granted, limit(ARGV[10])), -1)
elseif found == 'reaped' then
  call('ZREM', base .. ':reaped', id)
end
for _, a in ipairs(list) do move(a, cost - back, -held) end
write_counts(counts)
local keep = max(now, made) + LIFE
if unreserved then keep = max(keep, settled_until(made, made)) end
put_entry({ id = id, state = 'closed', amount = cost, tokens = 0, granted = 0, till = keep, key = '', route = '' }, true)
local out = { found, amount, cost }
crossed(out, list, daily, monthly)
return lines(out)

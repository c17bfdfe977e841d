-- Rate limits and reservation, all or nothing.
-- 2 id, 3 made, 4 key, 5 bound, 6 tokens, 7 daily, 8 monthly, 9 requests, 10 tokens and 11 parallel of the
-- team, 12 to 14 the same of the key, 15 route, 16 and 17 the least that bound and tokens can come to, or two
-- empty words, 18 … tags: name and value in turn.
local id, made, key, bound, tokens = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local route = ARGV[15]
local e, w = entry(id), word()
local daily, monthly = limit(w[1] or ARGV[7]), limit(w[2] or ARGV[8])
local team, own = pace(nil), pace(key)
local rates = {
  { p = team, scope = 'team', requests = limit(w[3] or ARGV[9]), tokens = limit(w[4] or ARGV[10]), open = limit(w[5] or ARGV[11]) },
  { p = own, scope = 'key', requests = limit(ARGV[12]), tokens = limit(ARGV[13]), open = limit(ARGV[14]) },
}

local function refuse(answer)
  local tags, moves = {}, { route .. '|refused', '1' }
  for i = 18, #ARGV do tags[#tags + 1] = ARGV[i] end
  write_counts(read_counts(made, moves, tags, moves))
  return lines(answer)
end

-- What stands in the way of so much, or nothing; then the buckets' new levels stand in `rates`.
local function refusal(list, bound, tokens)
  for _, a in ipairs(list) do
    local most = (a.kind == 'day' and daily or (a.kind == 'month' and monthly)) or MOST
    -- A limit of zero blocks what costs nothing, too.
    if most == 0 or bound > most - a.spent - a.reserved then
      return { 'refused', a.kind, a.number, most, a.spent, a.reserved, bound, ends(a) }
    end
  end
  for _, r in ipairs(rates) do
    if r.open and r.p.open >= r.open then
      return { 'limited', r.scope, 'parallel', r.open, r.open > 0 and '1000000' or '' }
    end
    local wait
    r.requests_at, wait = pour(r.p.requests, 1, r.requests)
    if not r.requests_at then return { 'limited', r.scope, 'requests', r.requests, wait } end
    r.tokens_at, wait = pour(r.p.tokens, tokens, r.tokens)
    if not r.tokens_at then return { 'limited', r.scope, 'tokens', r.tokens, wait } end
  end
end

local granted, list
if e then
  if e.state ~= 'open' then return 'void' end
  granted = e.granted
  list = windows(granted)
else
  if is_void(made) then return 'void' end
  granted = now
  list = windows(now)
  local refused = refusal(list, bound, tokens)
  if refused then
    if ARGV[16] ~= '' and not refusal(list, tonumber(ARGV[16]), tonumber(ARGV[17])) then return 'tighten' end
    return refuse(refused)
  end
  lease({ id = id, state = 'open', amount = bound, tokens = tokens, granted = now, key = key, route = route })
  for _, r in ipairs(rates) do put_pace(r.p, r.requests_at, r.tokens_at, 1) end
  for _, a in ipairs(list) do move(a, 0, bound) end
end

local left = ''
for _, a in ipairs(list) do
  local most = a.kind == 'day' and daily or (a.kind == 'month' and monthly)
  if most then
    local of = max(most - a.spent - a.reserved, 0)
    if left == '' or of < left then left = of end
  end
end
local r = tighter(team.requests, rates[1].requests, own.requests, rates[2].requests)
local t = tighter(team.tokens, rates[1].tokens, own.tokens, rates[2].tokens)
return lines({ 'granted', granted, left, r[1], r[2], r[3], t[1], t[2], t[3] })

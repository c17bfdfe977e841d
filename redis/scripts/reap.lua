-- Charges what is past its lease, and hands out what is reaped and not yet recorded; sweeps old counters.
-- 2 daily, 3 monthly. Answers: alerts (5 words each), an empty word, interrupted (5 words each).
local w = word()
local daily, monthly = limit(w[1] or ARGV[2]), limit(w[2] or ARGV[3])
local leases, reaped, hours = base .. ':leases', base .. ':reaped', base .. ':hours'
local old = call('ZRANGEBYSCORE', hours, '-inf', '(' .. div(now - 90 * DAY, HOUR), 'LIMIT', '0', BATCH)
local overlong = call('ZRANGEBYSCORE', leases, '(' .. s(now + LEASE), '+inf', 'LIMIT', '0', BATCH)
local expired = call('ZRANGEBYSCORE', leases, '-inf', s(now), 'LIMIT', '0', BATCH)
call('ZCARD', reaped)
local function made_of(id) return tonumber(string.sub(id, 1, 8) .. string.sub(id, 10, 13), 16) * 1000 end
local entries, team, own = {}, pace(nil), {}
for _, id in ipairs(overlong) do entries[id] = entry(id) end
for _, id in ipairs(expired) do
  local e = entry(id)
  entries[id] = e
  if e and e.state == 'open' then
    windows(e.granted)
    own[e.key] = own[e.key] or pace(e.key)
    local moves = {}
    interrupted(moves, e.route, e.amount, 1)
    read_counts(made_of(id), moves, {}, {})
  end
end

for _, hour in ipairs(old) do
  call('DEL', base .. ':usage:' .. hour)
  call('ZREM', hours, hour)
end
for _, id in ipairs(overlong) do
  if entries[id] and entries[id].state == 'open' then lease(entries[id]) else call('ZREM', leases, id) end
end
local out = {}
for _, id in ipairs(expired) do
  local e = entries[id]
  call('ZREM', leases, id)
  if e and e.state == 'open' then
    call('ZADD', reaped, '0', id)
    local made, list, moves, p = made_of(id), windows(e.granted), {}, own[e.key]
    interrupted(moves, e.route, e.amount, 1)
    write_counts(read_counts(made, moves, {}, {}))
    for _, a in ipairs(list) do move(a, e.amount, -e.amount) end
    put_pace(team, team.requests, team.tokens, -1)
    put_pace(p, p.requests, p.tokens, -1)
    e.state, e.till = 'reaped', settled_until(e.granted, made)
    put_entry(e)
    crossed(out, list, daily, monthly)
  end
end
out[#out + 1] = ''
for _, id in ipairs(call('ZRANGE', reaped, '0', BATCH - 1)) do
  local e = entry(id)
  if e and e.state == 'reaped' then
    for _, v in ipairs({ id, e.key, e.route, e.granted, e.amount }) do out[#out + 1] = v end
  else
    call('ZREM', reaped, id)
  end
end
return out

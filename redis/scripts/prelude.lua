-- What every script begins with: the clock, the calendar, the team's books. KEYS[1] is the team's prefix,
-- `gw:1:{team}`; ARGV[1] is empty (Redis's own clock) or, in tests, microseconds since the epoch.
-- Numbers are whole and below 2^53, so that Lua's doubles are exact. `..` and tostring keep 14 digits only:
-- what is written becomes text by `s` (a `%d` of 64 bits; health looks for those). A script reads and checks
-- all it needs before its first write, and that first write is to the one key which it has not read.
local base = KEYS[1]
local DAY, HOUR, MINUTE = 86400000000, 3600000000, 60000000
local LEASE, LIFE, MOST_DEBT = MINUTE, HOUR, 2 * MINUTE
local MOST, BATCH, MOST_VALUES, EXACT = 9000000000000000, 100, 100, 9007199254740992
local now

local call, format, find = redis.call, string.format, string.find
local floor, fmod, min, max, abs = math.floor, math.fmod, math.min, math.max, math.abs
local function s(n) return format('%d', n) end
-- An answer as one text, a line for each word: cheaper to send and to read than a list.
local function lines(words)
  for i, v in ipairs(words) do
    if type(v) == 'number' then words[i] = s(v) end
  end
  return table.concat(words, '\n')
end
local function div(a, b) return (a - fmod(a, b)) / b end
-- The same for small numbers, at half the cost.
local function quot(a, b) return floor(a / b) end
local function corrupt(key, what) error('CORRUPT ' .. key .. ' ' .. what, 0) end

if ARGV[1] == '' then
  local time = call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
else
  now = tonumber(ARGV[1])
end

-- A stored number; nothing counts as 0.
local function int(v, key)
  if not v then return 0 end
  if not find(v, '^%-?%d+$') or #v > 19 then corrupt(key, 'holds no whole number') end
  return tonumber(v)
end

local function limit(v)
  if v == '-1' then return nil end
  return tonumber(v)
end

-- Days since the epoch to months since January 1970; years begin on 1 March (the rule in Rust says why).
local function month_of(day)
  local z = day + 719468
  local era = quot(z, 146097)
  local doe = z - era * 146097
  local yoe = quot(doe - quot(doe, 1460) + quot(doe, 36524) - quot(doe, 146096), 365)
  local doy = doe - (365 * yoe + quot(yoe, 4) - quot(yoe, 100))
  return (era * 400 + yoe) * 12 + quot(5 * doy + 2, 153) + 2 - 23640
end

-- The first moment after a month.
local function month_end(month)
  local m = month + 1 + 23640 - 2
  local year, of_year = quot(m, 12), fmod(m, 12)
  local days = year * 365 + quot(year, 4) - quot(year, 100) + quot(year, 400) + quot(153 * of_year + 2, 5)
  return (days - 719468) * DAY
end

local function settled_until(at, made)
  return max(month_end(month_of(div(at, DAY))) + DAY, made + LIFE)
end

-- Accounts of the month and day of a moment, the month first; each is read once.
local accounts = {}
local function account(kind, number)
  local key = base .. ':' .. kind .. ':' .. number
  local a = accounts[key]
  if not a then
    local v = call('HMGET', key, 'spent', 'reserved', 'told')
    a = { key = key, kind = kind, number = number, fresh = not (v[1] or v[2]),
      spent = int(v[1], key), reserved = int(v[2], key), told = int(v[3], key) }
    accounts[key] = a
  end
  return a
end

local function windows(at)
  local day = div(at, DAY)
  return { account('month', month_of(day)), account('day', day) }
end

local function ends(a)
  if a.kind == 'day' then return (a.number + 1) * DAY end
  return month_end(a.number)
end

-- Both balances in one write. Only charges far above their bounds can leave what Lua counts exactly.
local function move(a, spent, reserved)
  if spent == 0 and reserved == 0 then return end
  a.spent, a.reserved = a.spent + spent, a.reserved + reserved
  if abs(a.spent) < EXACT then
    call('HSET', a.key, 'spent', s(a.spent), 'reserved', s(a.reserved))
  else
    call('HINCRBY', a.key, 'spent', s(spent))
    call('HINCRBY', a.key, 'reserved', s(reserved))
  end
  if a.fresh then
    call('PEXPIREAT', a.key, s(div(ends(a), 1000) + (a.kind == 'day' and 40 or 70) * 86400000))
    a.fresh = false
  end
end

local function tell(a, told)
  if a.told ~= told then
    a.told = told
    call('HSET', a.key, 'told', told)
  end
end

-- The operator's word: five fields, each a number, -1 for unlimited, or nothing.
local WORD = { 'daily', 'monthly', 'requests_per_minute', 'tokens_per_minute', 'max_parallel' }
local function word()
  local v = call('HMGET', base .. ':override', unpack(WORD))
  local w = {}
  for i = 1, 5 do
    if v[i] then
      int(v[i], base .. ':override')
      w[i] = v[i]
    end
  end
  return w
end

-- How many alert thresholds are reached.
local function level(spent, most)
  if not most or most <= 0 then return 0 end
  if spent >= most then return 3 end
  if spent >= most - div(most, 5) then return 2 end
  if spent >= most - div(most, 2) then return 1 end
  return 0
end

local PERCENT = { '50', '80', '100' }
-- Adds what the last charge crossed, five words each; marks it told.
local function crossed(out, list, daily, monthly)
  for _, a in ipairs(list) do
    local most = a.kind == 'day' and daily or (a.kind == 'month' and monthly)
    if most then
      local reached = level(a.spent, most)
      for i = a.told + 1, reached do
        for _, v in ipairs({ a.kind, a.number, PERCENT[i], a.spent, most }) do out[#out + 1] = v end
      end
      tell(a, max(a.told, reached))
    end
  end
end

-- Buckets and open reservations of the team (key nil) or of a key.
local function pace(key)
  local name = base .. ':pace'
  if key then name = name .. ':' .. key end
  local v = call('HMGET', name, 'requests', 'tokens', 'open')
  return { key = name, own = key, requests = int(v[1], name), tokens = int(v[2], name), open = int(v[3], name) }
end

-- In one write. A key's buckets are empty, and forgotten, when nothing of it has been open for a while.
local function put_pace(p, requests, tokens, more)
  local open = max(p.open + more, 0)
  call('HSET', p.key, 'requests', s(requests), 'tokens', s(tokens), 'open', s(open))
  if p.own and open == 0 then call('PEXPIREAT', p.key, s(div(now + 3 * MINUTE, 1000))) end
  if p.own and p.open == 0 and open > 0 then call('PERSIST', p.key) end
  p.requests, p.tokens, p.open = requests, tokens, open
end

-- How long so many units take to leak; nil where they never do.
local function share(units, most)
  if units == 0 then return 0 end
  if most == 0 then return nil end
  return div(units * MINUTE + most - 1, most)
end

local function fill(at) return min(max(at - now, 0), MOST_DEBT) end

-- The bucket with `units` in it, or nil and the wait ('' : for ever).
local function pour(at, units, most)
  if not most then return at end
  local part = share(units, most)
  if not part then return nil, '' end
  local over = fill(at) + part - MINUTE
  if over <= 0 then return now + fill(at) + part end
  if part <= MINUTE then return nil, over end
  return nil, ''
end

local function correct(at, poured, used, since, most)
  if not most then return at end
  local was = min(share(poured, most) or MOST_DEBT, MOST_DEBT)
  local is = min(share(used, most) or MOST_DEBT, MOST_DEBT)
  local back = min(max(was - is, 0), max(was - max(now - since, 0), 0))
  local level = fill(at) + max(is - was, 0)
  return now + min(max(level - back, 0), MOST_DEBT)
end

-- limit, remaining, microseconds until all is there; three empty words without a limit.
local function meter(at, most)
  if not most then return { '', '', '' }, MOST end
  local remaining = div(max(MINUTE - fill(at), 0) * most, MINUTE)
  return { most, remaining, fill(at) }, remaining
end

local function tighter(at, most, key_at, key_most)
  local own, left = meter(at, most)
  local key, key_left = meter(key_at, key_most)
  if key_most and (not most or key_left < left) then return key end
  return own
end

-- What is known of an id: nil where nothing is, or it is past its time. Seven lines in one string.
local ENTRY = '^(%a+)\n(%d+)\n(%d+)\n(%d+)\n(%d+)\n([^\n]*)\n(.*)$'
local STATES = { open = true, reaped = true, recorded = true, closed = true }
local function entry(id)
  local key = base .. ':id:' .. id
  local v = call('GET', key)
  if not v then return nil end
  local state, amount, tokens, granted, till, own, route = string.match(v, ENTRY)
  if not STATES[state or ''] then corrupt(key, 'is in no known state') end
  local e = { id = id, state = state, amount = int(amount, key), tokens = int(tokens, key),
    granted = int(granted, key), till = int(till, key), key = own, route = route }
  if state ~= 'closed' and (own == '' or route == '') then corrupt(key, 'lacks its key or route') end
  if (state == 'closed' or state == 'recorded') and e.till <= now then return nil end
  return e
end

local function put_entry(e, expires)
  local key = base .. ':id:' .. e.id
  local v = format('%s\n%d\n%d\n%d\n%d\n%s\n%s', e.state, e.amount, e.tokens, e.granted, e.till, e.key,
    e.route)
  if expires then
    call('SET', key, v, 'PXAT', s(div(e.till, 1000) + 1))
  else
    call('SET', key, v)
  end
end

local function is_void(made) return made + LIFE < now or made > now + LIFE end

-- A new lease for an open entry.
local function lease(e)
  call('ZADD', base .. ':leases', s(now + LEASE), e.id)
  e.till = now + LEASE
  put_entry(e)
end

-- Counters of a hash to be moved: read and checked now, written by `write_fields`. `moves` has field and count
-- in turn; `take` says what a field is called in this hash, or nothing where it is not counted there.
local function read_fields(key, moves, take)
  local c = { key = key, fields = {}, more = {}, sums = {}, fresh = true }
  for i = 1, #moves, 2 do
    local field = take(moves[i])
    if field then
      if not c.more[field] then
        c.fields[#c.fields + 1] = field
        c.more[field] = 0
      end
      c.more[field] = c.more[field] + tonumber(moves[i + 1])
    end
  end
  if #c.fields == 0 then return c end
  local known = call('HMGET', key, unpack(c.fields))
  for i, field in ipairs(c.fields) do
    c.fresh = c.fresh and not known[i]
    c.sums[i] = int(known[i], key) + c.more[field]
  end
  return c
end

-- They are kept until 91 days after their hour.
local function write_fields(c, hour)
  if #c.fields == 0 then return end
  local words = { 'HSET', c.key }
  for i, field in ipairs(c.fields) do
    if abs(c.sums[i]) < EXACT then
      words[#words + 1] = field
      words[#words + 1] = s(c.sums[i])
    else
      call('HINCRBY', c.key, field, s(c.more[field]))
    end
  end
  if #words > 2 then call(unpack(words)) end
  if c.fresh then call('PEXPIREAT', c.key, s(div((hour + 91 * 24) * HOUR, 1000))) end
end

local function whole(field) return field end

-- Counters of an hour; and `usage`, a part of them, by `tags`, which has name and value in turn. A value that is
-- new where its day has enough of them is another's. Latencies are not counted by tag.
local function read_counts(made, moves, tags, usage)
  local hour, day = div(made, HOUR), div(made, DAY)
  local c = read_fields(base .. ':usage:' .. hour, moves, whole)
  c.hour, c.tagged = hour, {}
  if #c.fields > 0 then c.new = call('ZSCORE', base .. ':hours', hour) == false end
  for i = 1, #tags, 2 do
    local key = base .. ':tag:' .. tags[i]
    local values, value, new = key .. ':values:' .. day, tags[i + 1], false
    if call('SISMEMBER', values, value) == 0 then
      new = call('SCARD', values) < MOST_VALUES
      if not new then value = '(other)' end
    end
    local t = read_fields(key .. ':' .. hour, usage, function(field)
      if find(field, '|latency_ms%.%d+$') then return nil end
      return value .. '|' .. field
    end)
    if #t.fields > 0 then
      t.values, t.value, t.new, t.till = values, value, new, (day + 1 + 91) * DAY
      c.tagged[#c.tagged + 1] = t
    end
  end
  return c
end

local function write_counts(c)
  write_fields(c, c.hour)
  if c.new then call('ZADD', base .. ':hours', c.hour, c.hour) end
  for _, t in ipairs(c.tagged) do
    write_fields(t, c.hour)
    if t.new then
      call('SADD', t.values, t.value)
      call('PEXPIREAT', t.values, s(div(t.till, 1000)))
    end
  end
end

-- What the reaper counts for a request that nobody ended, times `sign`; added to `moves`.
local function interrupted(moves, route, charge, sign)
  local more = { route .. '|requests', sign, route .. '|errors', sign, route .. '|cost_nano', sign * charge }
  for _, v in ipairs(more) do moves[#moves + 1] = v end
end

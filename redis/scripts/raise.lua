-- An open reservation to a new total, if it fits. 2 id, 3 total, 4 daily, 5 monthly.
local id, total = ARGV[2], tonumber(ARGV[3])
local e, w = entry(id), word()
if not e or e.state ~= 'open' then return { 'void' } end
local more = total - e.amount
if more <= 0 then return { 'granted' } end
local daily, monthly = limit(w[1] or ARGV[4]), limit(w[2] or ARGV[5])
local list = windows(e.granted)
for _, a in ipairs(list) do
  local most = (a.kind == 'day' and daily or (a.kind == 'month' and monthly)) or MOST
  if more > most - a.spent - a.reserved then
    return { 'refused', a.kind, a.number, most, a.spent, a.reserved, more, ends(a) }
  end
end
for _, a in ipairs(list) do move(a, 0, more) end
e.amount = total
put_entry(e)
return { 'granted' }

-- The operator's word, whole: 2 daily, 3 monthly (the configuration's, for the thresholds), 4 '1' to set or
-- '' to clear, 5 to 9 the five fields, empty where the configuration's stays.
local list = windows(now)
word()
local key = base .. ':override'
call('DEL', key)
local w = {}
if ARGV[4] == '1' then
  for i = 1, 5 do
    if ARGV[4 + i] ~= '' then
      w[i] = ARGV[4 + i]
      call('HSET', key, WORD[i], w[i])
    end
  end
end
local daily, monthly = limit(w[1] or ARGV[2]), limit(w[2] or ARGV[3])
for _, a in ipairs(list) do
  local most = a.kind == 'day' and daily or (a.kind == 'month' and monthly)
  tell(a, min(a.told, level(a.spent, most)))
end
return {}

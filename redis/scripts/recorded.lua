-- These reaped ids have their `interrupted` record: they are handed out no more. 2 … ids.
local found = {}
for i = 2, #ARGV do found[i] = entry(ARGV[i]) or false end
for i = 2, #ARGV do
  local e = found[i]
  if e and e.state == 'reaped' then
    call('ZREM', base .. ':reaped', ARGV[i])
    e.state = 'recorded'
    put_entry(e, true)
  end
end
return {}

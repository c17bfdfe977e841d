-- New leases for what is open; nothing is created. 2 … ids.
local out, found = {}, {}
for i = 2, #ARGV do found[i] = entry(ARGV[i]) or false end
for i = 2, #ARGV do
  local e = found[i]
  if e and e.state == 'open' then
    lease(e)
    out[#out + 1] = 'open'
  else
    out[#out + 1] = 'gone'
  end
end
return out

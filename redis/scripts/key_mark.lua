-- What the scripts of made keys share: the last 16 changes, `ACT:ID` each, with blanks between, the newest last.
local function marked(act, id)
  local all = {}
  local before = redis.call('HGET', KEYS[1], 'mark')
  for one in string.gmatch(before or '', '%S+') do all[#all + 1] = one end
  all[#all + 1] = act .. ':' .. id
  return table.concat(all, ' ', math.max(1, #all - 15))
end

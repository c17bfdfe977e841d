-- The newest lines of a replica's trail, to the end of the stream KEYS[1], whose oldest are cut off. 1 how many are
-- kept (a little more: whole nodes are cut), 2 … the lines.
for i = 2, #ARGV - 1 do
  redis.call('XADD', KEYS[1], '*', 'line', ARGV[i])
end
if #ARGV > 1 then
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'line', ARGV[#ARGV])
end
return 'added'

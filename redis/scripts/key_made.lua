-- Keeps a made key. KEYS[1]: the hash of all of them. ARGV: id, text, act of this change, most keys.
-- The changes are one of the fields, so that one write holds both.
local id, text, act, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local there = redis.call('HGET', KEYS[1], id)
if there == text then return {'made'} end
if there then return {'taken'} end
if redis.call('HLEN', KEYS[1]) > most then return {'full'} end
redis.call('HSET', KEYS[1], id, text, 'mark', marked(act, id))
return {'made'}

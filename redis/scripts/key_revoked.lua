-- Forgets a made key. KEYS[1]: the hash of all of them. ARGV: id, act of this change.
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return {'absent'} end
redis.call('HSET', KEYS[1], 'mark', marked(ARGV[2], ARGV[1]))
return {'revoked'}

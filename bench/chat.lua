-- wrk: the request, and one machine-readable line at the end. Arguments after `--`: the case's name.
-- A prompt of about 1 KB; `say:` and `words:` tell the simulator what to answer.
local notes = string.rep("The warehouse in the north shipped late twice this month. ", 14)

local cases = {
  json = { stream = "false", ask = "say: Both deliveries were late because the carrier changed its cut-off hour." },
  sse = { stream = "true", ask = "words: 100" },
}

function init(args)
  local case = cases[args[1]]
  local content = notes .. "\\n" .. case.ask
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer bench-key-0123456789abcdef"
  wrk.body = '{"model":"gpt-4o","max_tokens":256,"temperature":0.2,"stream":' .. case.stream
    .. ',"messages":[{"role":"system","content":"You are a careful assistant of the finance team."},'
    .. '{"role":"user","content":"' .. content .. '"}]}'
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end

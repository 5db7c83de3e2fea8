-- For wrk: the request by the environment, and at the end one line `RESULT {json}`; latencies in microseconds.
local bytes = tonumber(os.getenv('BENCH_BODY_BYTES') or '0')
if bytes > 0 then
  wrk.method = 'POST'
  wrk.body = string.rep('x', bytes)
end
if os.getenv('BENCH_NEW_CONNECTIONS') == '1' then
  wrk.headers['Connection'] = 'close'
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end

// The app that the benches deploy: no dependencies, so that what is measured is Greenroom. Everything the load client asks for, each answer
// with the commit that gave it. `version.json` says how this version ends: with "naive" it has no SIGTERM handler, as most apps have none,
// and whatever is still in flight when the signal comes is lost. With "crash_after_ms" it ends so long after each start.
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { join } = require('node:path');

const SLOW_MS = Number(process.env.BENCH_SLOW_MS ?? 2_000);
const EVENT_MS = 100;
/** With BENCH_ECHO=whole the answer begins only when the request has been read, and the proxy knows that it has: Caddy cuts some that come sooner. */
const ECHO_AFTER_MS = 10;
const ECHO_WHOLE = process.env.BENCH_ECHO === 'whole';
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const version = JSON.parse(readFileSync(join(__dirname, 'version.json'), 'utf8'));
const commit = process.env.GREENROOM_COMMIT ?? '';
const streams = new Set();
const sockets = new Set();

const visitors = createServer((request, response) => {
  response.setHeader('x-app-commit', commit);
  if (request.url === '/echo') echo(request, response);
  else if (request.url.startsWith('/slow')) slow(request, response);
  else if (request.url === '/events') events(response);
  else response.end(`hello from ${version.name}\n`);
});

visitors.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${WEBSOCKET_GUID}`).digest('base64');
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
  socket.write(`${[...head, `x-app-commit: ${commit}`].join('\r\n')}\r\n\r\n`);
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => socket.destroy());
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (let frame = readFrame(rest); frame !== null; frame = readFrame(rest)) {
      rest = rest.subarray(frame.size);
      if (frame.opcode === 8) socket.end(writeFrame(8, frame.payload));
      else if (frame.opcode === 9) socket.write(writeFrame(10, frame.payload));
      else if (frame.opcode === 1) socket.write(writeFrame(1, frame.payload));
    }
  });
});

const internal = createServer((_, response) => response.end('ok\n'));
visitors.listen(Number(process.env.PORT), '127.0.0.1', () => internal.listen(Number(process.env.INTERNAL_PORT), '127.0.0.1'));
if (!version.naive) process.once('SIGTERM', stop);
if (version.crash_after_ms) setTimeout(() => process.exit(1), version.crash_after_ms);

function echo(request, response) {
  if (!ECHO_WHOLE) return request.pipe(response);
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => setTimeout(() => response.end(Buffer.concat(parts)), ECHO_AFTER_MS));
}

function slow(request, response) {
  if (request.url.endsWith('?begun')) response.flushHeaders();
  setTimeout(() => response.end('slow\n'), SLOW_MS);
}

function events(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  streams.add(response);
  const timer = setInterval(() => response.write('data: tick\n\n'), EVENT_MS);
  response.write('data: hello\n\n');
  response.once('close', () => {
    clearInterval(timer);
    streams.delete(response);
  });
}

function stop() {
  internal.close();
  visitors.close(() => process.exit(0));
  for (const response of streams) response.end();
  for (const socket of sockets) socket.end(writeFrame(8, Buffer.from([0x03, 0xe9])));
  setInterval(() => visitors.closeIdleConnections(), 50);
}

/** A short masked frame as clients of this bench send them (up to 65,535 bytes, not fragmented); null while it is not whole. */
function readFrame(bytes) {
  if (bytes.length < 2) return null;
  const short = bytes[1] & 0x7f;
  const head = short === 126 ? 4 : 2;
  if (short === 127) throw new Error('frame too long for the bench app');
  if (bytes.length < head + 4) return null;
  const length = short === 126 ? bytes.readUInt16BE(2) : short;
  const size = head + 4 + length;
  if (bytes.length < size) return null;
  const mask = bytes.subarray(head, head + 4);
  const payload = Buffer.from(bytes.subarray(head + 4, size).map((byte, index) => byte ^ mask[index % 4]));
  return { opcode: bytes[0] & 0x0f, payload, size };
}

function writeFrame(opcode, payload) {
  const head = payload.length < 126 ? [0x80 | opcode, payload.length] : [0x80 | opcode, 126, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from(head), payload]);
}

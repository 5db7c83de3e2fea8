/**
 * Loaded into a Node app before its own code (`node --require`) where Caddy or nginx reach it by Unix sockets: what the app listens for on its ports it
 * then hears on sockets too. The ports work on, so that probes and whoever asks for them find the app as ever.
 *
 *     PORT            GREENROOM_LISTEN_SOCKET            what the proxy sends
 *                     GREENROOM_LISTEN_STREAMS           the same, for WebSockets and event streams, so that these can be told from requests
 *     INTERNAL_PORT   GREENROOM_LISTEN_INTERNAL_SOCKET   what comes to the internal port
 *
 * Plain JavaScript without dependencies, for every Node since 16; by `--require`, which every one knows and which is done before the app begins.
 * Connections are handed to the app's own server, which counts them, times them out and waits for them when it closes.
 *
 * At SIGTERM, which comes when the instance has been drained, the streams that are left are ended as the embedded proxy would end them: WebSockets are
 * closed with 1001, event streams get their end. Browsers open them again by themselves, and an app without a handler of its own cuts nobody off.
 */
'use strict';

const net = require('node:net');
const { chmodSync, unlinkSync } = require('node:fs');

/** Where a port is listened for as well. */
const socketsOf = new Map();
remember(process.env.PORT, [process.env.GREENROOM_LISTEN_SOCKET, process.env.GREENROOM_LISTEN_STREAMS]);
remember(process.env.INTERNAL_PORT, [process.env.GREENROOM_LISTEN_INTERNAL_SOCKET]);

/** The app's server, and the servers of its sockets. */
const mirrorsOf = new WeakMap();
/** Sockets that this process listens on: an app may listen on one port by two addresses. */
const taken = new Set();

/** Open connections of the streams' socket. */
const streams = new Set();
/** A WebSocket's close frame: 1001, going away. */
const GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9]);
const EVENT_STREAM = /\r\ncontent-type: *text\/event-stream/i;
/** How long an app that has no handler for SIGTERM may outlive it, in milliseconds. */
const FAREWELL_LIMIT_MS = 500;

if (socketsOf.size > 0) patch();

function remember(port, paths) {
  const known = paths.filter(Boolean);
  if (port && known.length > 0) socketsOf.set(Number(port), known);
}

function patch() {
  const { listen, close } = net.Server.prototype;
  net.Server.prototype.listen = function (...args) {
    // Whatever form the call has, it ends in an address.
    if (!this.listeners('listening').includes(mirrorSoon)) this.on('listening', mirrorSoon);
    return listen.apply(this, args);
  };
  net.Server.prototype.close = function (...args) {
    for (const server of mirrorsOf.get(this) ?? []) close.call(server);
    mirrorsOf.delete(this);
    return close.apply(this, args);
  };
}

/** After whoever else waits for it: the servers by which node:cluster listens for its workers are taken apart then, and are not the app's. */
function mirrorSoon() {
  process.nextTick(() => mirror(this));
}

function mirror(server) {
  const address = server.address();
  const paths = (address !== null && typeof address === 'object' && socketsOf.get(address.port)) || [];
  const free = paths.filter((path) => !taken.has(path));
  if (free.length === 0 || mirrorsOf.has(server)) return;
  const mirrors = free.map((path) => listenFor(server, path));
  mirrorsOf.set(server, mirrors);
}

function listenFor(server, path) {
  const { allowHalfOpen, pauseOnConnect } = server;
  const ears = net.createServer({ allowHalfOpen, pauseOnConnect }, (socket) => {
    if (path === process.env.GREENROOM_LISTEN_STREAMS) attend(socket);
    handOver(socket, ears, server);
  });
  taken.add(path);
  ears.on('close', () => taken.delete(path));
  ears.on('listening', () => {
    open(path);
    if (path === process.env.GREENROOM_LISTEN_STREAMS) process.prependListener('SIGTERM', sayFarewell);
  });
  let second = false;
  ears.on('error', (error) => {
    if (error.code !== 'EADDRINUSE' || second) return complain(path, error);
    second = true;
    replaceStale(path, () => ears.listen(path));
  });
  ears.listen(path);
  // The app lives as long as its own server does.
  ears.unref();
  return ears;
}

/** From here on the connection is one of the app's server. */
function handOver(socket, ears, server) {
  if (server.maxConnections && server._connections >= server.maxConnections) return socket.destroy();
  if (socket._server === ears) {
    ears._connections -= 1;
    server._connections += 1;
    socket._server = server;
  }
  socket.server = server;
  // The proxy is on this machine, as it is over TCP: apps that trust a proxy there go on to, and those that ask for an address get one.
  Object.defineProperties(socket, {
    remoteAddress: { value: '127.0.0.1', configurable: true },
    remoteFamily: { value: 'IPv4', configurable: true },
    remotePort: { value: 0, configurable: true },
  });
  server.emit('connection', socket);
}

function attend(socket) {
  streams.add(socket);
  socket.once('close', () => streams.delete(socket));
}

function sayFarewell() {
  process.off('SIGTERM', sayFarewell);
  for (const socket of streams) endStream(socket);
  if (process.listenerCount('SIGTERM') > 0) return;
  // Without this module the signal would have ended the app, so it does, as soon as the streams are over.
  const end = () => process.kill(process.pid, 'SIGTERM');
  const limit = setTimeout(end, FAREWELL_LIMIT_MS);
  const look = () => {
    if (streams.size > 0) return;
    clearTimeout(limit);
    end();
  };
  for (const socket of streams) socket.once('close', look);
  look();
}

/** Leaves alone what is an ordinary answer under way. */
function endStream(socket) {
  const response = socket._httpMessage;
  // The parser is gone after an upgrade. The client answers with a close frame of its own and ends the connection.
  if (!response && !socket.parser) socket.write(GOING_AWAY);
  if (!response || !EVENT_STREAM.test(response._header)) return;
  // The app may write to it once more before it hears of the end; that is no reason to crash.
  response.on('error', () => undefined);
  response.end();
}

/** The proxy runs as a user of its own. Over TCP everyone on this machine may connect; here it is the folder that says who may. */
function open(path) {
  try {
    chmodSync(path, 0o666);
  } catch (error) {
    // Another process of the app has replaced it.
    if (error.code !== 'ENOENT') complain(path, error);
  }
}

/** A socket of a process that was killed is in the way of the one that took its place. One that answers is not stale. */
function replaceStale(path, then) {
  const probe = net.connect(path);
  probe.on('connect', () => {
    probe.destroy();
    complain(path, new Error('another process of the app listens there'));
  });
  probe.on('error', () => {
    try {
      unlinkSync(path);
    } catch (error) {
      if (error.code !== 'ENOENT') return complain(path, error);
    }
    then();
  });
}

function complain(path, error) {
  process.stderr.write(`greenroom: this process does not listen on ${path}: ${error.message}\n`);
}

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
  const ears = net.createServer({ allowHalfOpen, pauseOnConnect }, (socket) => handOver(socket, ears, server));
  taken.add(path);
  ears.on('close', () => taken.delete(path));
  ears.on('listening', () => open(path));
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

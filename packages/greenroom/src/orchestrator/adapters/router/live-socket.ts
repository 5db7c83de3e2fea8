import { chmod, readlink, rename, rm, symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, dirname, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail, ok, type Result } from '../../core/result.ts';
import { type InstanceSockets, type Layout, socketsOf } from '../../layout.ts';
import { syncFolder } from '../durable.ts';

/** How long an instance that answers on its port may take until it listens on its socket, and then to take a connection. */
const LISTEN_LIMIT_MS = 1_000;
const LISTEN_POLL_MS = 10;
const CONNECT_LIMIT_MS = 2_000;
const SUFFIX = '.sock';

/** The fixed addresses by which Caddy or nginx reach whatever is live: links, so that a swap is a rename and nothing of the proxy changes. */
export interface LiveSocket {
  /** What the proxy is told to connect to. `internal` only for an app with an internal port. */
  links: InstanceSockets;
  /**
   * From now on new connections go to the instance, or fail when it is null. Durable when it answers. Fails with `promote_failed` when the instance
   * does not listen on its socket, and then nothing has changed. Repeatable, also after a crash half-way.
   */
  point(instance: string | null): Promise<Result<void>>;
  /** The instance that requests go to; null when there is none. */
  current(): Promise<string | null>;
}

export function createLiveSocket(layout: Pick<Layout, 'run' | 'sockets' | 'liveSockets'>): LiveSocket {
  const links = layout.liveSockets;

  async function pointAt(instance: string): Promise<Result<void>> {
    const sockets = socketsOf(layout, instance);
    const refusal = await whyDeaf(sockets.requests);
    if (refusal) return fail({ code: 'promote_failed', error: deaf(instance, sockets.requests, refusal) });
    for (const socket of Object.values(sockets)) await letProxyIn(socket);
    const internal = (await whyNoConnection(sockets.internal)) === '' ? sockets.internal : null;
    const streams = (await whyNoConnection(sockets.streams)) === '' ? sockets.streams : sockets.requests;
    await link(links.internal, internal);
    await link(links.streams, streams);
    // Last: this one says what is live.
    await link(links.requests, sockets.requests);
    await syncFolder(layout.run);
    return ok(undefined);
  }

  async function clear(): Promise<Result<void>> {
    for (const path of [links.requests, links.streams, links.internal]) await link(path, null);
    await syncFolder(layout.run);
    return ok(undefined);
  }

  return {
    links,
    point: (instance) => (instance === null ? clear() : pointAt(instance)).catch(refused),
    async current() {
      const target = await readlink(links.requests).catch(absent);
      return target === null ? null : basename(target, SUFFIX);
    },
  };
}

/** What the operating system refuses (a full or read-only disk) is no bug. */
function refused(error: Error): Result<void> {
  if (!('syscall' in error)) throw error;
  return fail({ code: 'promote_failed', error: `The links by which the proxy reaches the app could not be set: ${error.message}` });
}

/** A rename, so that there is no moment without a target. */
async function link(path: string, target: string | null): Promise<void> {
  if (target === null) return rm(path, { force: true });
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  await symlink(relative(dirname(path), target), temporary);
  await rename(temporary, path);
}

/** Empty as soon as something listens there. A moment may lie between port and socket when the app's processes share them. */
async function whyDeaf(path: string): Promise<string> {
  const deadline = Date.now() + LISTEN_LIMIT_MS;
  for (;;) {
    const why = await whyNoConnection(path);
    if (why === '' || Date.now() > deadline) return why;
    await sleep(LISTEN_POLL_MS);
  }
}

/** Empty when something listens there. */
function whyNoConnection(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (why: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(why);
    };
    const timer = setTimeout(() => answer(`it took no connection within ${CONNECT_LIMIT_MS} ms`), CONNECT_LIMIT_MS);
    socket.on('connect', () => answer(''));
    socket.on('error', ({ code, message }: NodeJS.ErrnoException) => answer(code === 'ENOENT' ? 'there is no such file' : message));
  });
}

/** The proxy runs as a user of its own, and connecting takes the right to write. An app that says otherwise about its own file is asked again by nobody. */
async function letProxyIn(socket: string): Promise<void> {
  await chmod(socket, 0o666).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'EPERM') throw error;
  });
}

function deaf(instance: string, socket: string, why: string): string {
  return (
    `The instance ${instance} does not listen on its socket ${socket} (${why}), by which the proxy would reach it. A Node app does so by itself; ` +
    'another has to listen on the path in GREENROOM_LISTEN_SOCKET as well as on PORT. For one that cannot, set "upstream": "port" in "router" of the contract.'
  );
}

function absent(error: NodeJS.ErrnoException): null {
  // EINVAL: somebody put a file in the link's place.
  if (error.code !== 'ENOENT' && error.code !== 'EINVAL') throw error;
  return null;
}

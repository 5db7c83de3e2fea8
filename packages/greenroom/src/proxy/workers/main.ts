/** A worker: moves the bytes of the connections that the proxy hands to it. Started by the proxy, and ends with it. */
import type { Socket } from 'node:net';
import { CLOSE_GRACE_MS } from '../app.ts';
import type { AppSide, Service } from '../data-path.ts';
import { createLocalTraffic, type LocalTraffic } from '../local-traffic.ts';
import { createSharedSide, type SharedSide } from '../shared-side.ts';
import { createSpliceDataPath } from '../splice/data-path.ts';
import type { Limits } from '../splice/limits.ts';
import type { Order, Orders, Origin, Reply } from './messages.ts';

const dataPath = createSpliceDataPath(JSON.parse(process.argv[2] ?? '{}') as Partial<Limits>);
const apps = new Map<number, LocalTraffic>();
/** Which app a request is for, by listener, where apps share one. */
const shared = new Map<number, SharedSide>();
/** By listener. */
const services = new Map<number, Service>();
/** By the id of their order. */
const drains = new Map<number, AbortController>();

process.stderr.on('error', () => undefined);
// Sent to the whole group or unit; the proxy itself says when it is time.
process.on('SIGTERM', () => undefined);
process.on('SIGINT', () => undefined);
process.on('message', (order: Order, socket?: Socket) => {
  void perform(order, socket).then((answer) => say({ id: order.id, answer }));
});
// However the proxy ended: its ports are free already, and its successor's to take.
process.on('disconnect', () => void end());
process.getBuiltinModule('node:module').flushCompileCache();

async function perform(order: Order, socket: Socket | undefined): Promise<unknown> {
  switch (order.order) {
    case 'set':
      return set(order.app, order);
    case 'share':
      return share(order.listener, order.routes);
    case 'take':
      if (socket) take(socket, order);
      return null;
    case 'close':
      return closeService(order.listener, order.grace_ms);
    case 'drain': {
      const abort = new AbortController();
      drains.set(order.id, abort);
      return apps
        .get(order.app)
        ?.drain(order.body, abort.signal)
        .finally(() => drains.delete(order.id));
    }
    case 'abort':
      drains.get(order.drain)?.abort();
      return null;
    case 'in_flight':
      return (await apps.get(order.app)?.inFlight()) ?? [];
    case 'stats':
      return (await apps.get(order.app)?.stats()) ?? { instances: [], failures: [] };
    case 'retire':
      await dataPath.retire();
      return null;
    case 'ping':
      return null;
    default:
      return order satisfies never;
  }
}

async function set(app: number, { routes }: Extract<Order, { order: 'set' }>): Promise<null> {
  const known = apps.get(app);
  if (!routes) apps.delete(app);
  else if (known) await known.set(routes);
  else apps.set(app, createLocalTraffic(routes, dataPath));
  return null;
}

async function share(listener: number, routes: Orders['share']['of']['routes']): Promise<null> {
  const known = shared.get(listener) ?? createSharedSide(publicOf);
  if (routes) {
    shared.set(listener, known);
    await known.set(routes);
  } else {
    shared.delete(listener);
    known.close();
  }
  return null;
}

function publicOf(app: number): AppSide | undefined {
  return apps.get(app)?.sides.public;
}

function take(socket: Socket, from: Origin): void {
  const service = serviceOf(from);
  if (service) service.accept(socket);
  else socket.destroy();
}

/** Made when its first connection comes. */
function serviceOf(origin: Origin): Service | undefined {
  const { listener } = origin;
  const known = services.get(listener);
  if (known) return known;
  const side = origin.side === 'shared' ? shared.get(listener)?.side : apps.get(origin.app)?.sides[origin.side];
  const service = side && dataPath.serve(side);
  if (service) services.set(listener, service);
  return service;
}

async function closeService(listener: number, graceMs: number): Promise<null> {
  const service = services.get(listener);
  services.delete(listener);
  await service?.close(graceMs);
  return null;
}

function say(reply: Reply): void {
  // It fails when the proxy is gone, which 'disconnect' says too.
  process.send?.(reply, undefined, {}, () => undefined);
}

async function end(): Promise<void> {
  await Promise.all([...services.values()].map((service) => service.close(CLOSE_GRACE_MS)));
  process.exit(0);
}

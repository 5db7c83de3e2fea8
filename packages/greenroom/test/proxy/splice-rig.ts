import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { AppSide, Flight, Listener } from '../../src/proxy/data-path.ts';
import { createSpliceDataPath } from '../../src/proxy/splice/data-path.ts';
import type { Limits } from '../../src/proxy/splice/limits.ts';
import { freePort, until } from './rig.ts';

export interface SpliceRig {
  port: number;
  listener: Listener;
  /** Connections to the app so far. */
  connections: Socket[];
  /** Requests under way. */
  open(): number;
}

/**
 * The data path in this process, before an app made of bytes: `serve` gets each of its connections, and all that came on it so far, whenever more
 * comes. When the test is over, every flight has ended, once.
 */
export async function startSplice(
  t: TestContext,
  serve: (socket: Socket, text: string, connection: number) => void,
  limits: Partial<Limits> = {},
  secure: Pick<AppSide, 'isSecure' | 'pairFor'> = {},
): Promise<SpliceRig> {
  const connections: Socket[] = [];
  const app = net.createServer({ allowHalfOpen: true }, (socket) => {
    const connection = connections.push(socket) - 1;
    let text = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      serve(socket, text, connection);
    });
    socket.on('end', () => socket.end());
  });
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const { port: appPort } = app.address() as AddressInfo;
  const port = await freePort();
  let begun = 0;
  let ended = 0;
  const begin = (): Flight => {
    let over = false;
    begun += 1;
    return {
      answered: () => undefined,
      stream: () => undefined,
      end: () => {
        assert.equal(over, false, 'a flight that ends twice');
        over = true;
        ended += 1;
      },
    };
  };
  const destination = { instance: 'i1', host: '127.0.0.1', port: appPort, begin };
  const side: AppSide = { pick: () => destination, onFailure: () => undefined, ...secure };
  const listener = await createSpliceDataPath(limits).listen(port, '127.0.0.1', side);
  t.after(async () => {
    await listener.close(0);
    for (const socket of connections) socket.destroy();
    app.close();
    await until(() => ended === begun);
  });
  return { port, listener, connections, open: () => begun - ended };
}

export interface RawClient {
  socket: Socket;
  text(): string;
  /** Resolves when the pattern is there; rejects when the connection ends before. */
  sees(pattern: RegExp): Promise<void>;
  /** Resolves with how the connection ended. */
  ended: Promise<'closed' | 'reset'>;
}

export function connectRaw(t: TestContext, port: number, bytes: string): RawClient {
  const socket = net.connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  let text = '';
  let outcome: 'closed' | 'reset' = 'closed';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {
    outcome = 'reset';
  });
  const ended = new Promise<'closed' | 'reset'>((resolve) => socket.once('close', () => resolve(outcome)));
  socket.write(Buffer.from(bytes, 'latin1'));
  return {
    socket,
    text: () => text,
    ended,
    sees: async (pattern) => {
      await until(() => pattern.test(text) || socket.destroyed);
      assert.match(text, pattern);
    },
  };
}

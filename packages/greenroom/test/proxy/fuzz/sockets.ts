/** The data path on real sockets, before a real app that says what it got. */
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import type { Flight } from '../../../src/proxy/data-path.ts';
import { createSpliceDataPath } from '../../../src/proxy/splice/data-path.ts';
import { freePort } from '../rig.ts';
import type { Message } from './node-reference.ts';

export interface Sockets {
  /** Writes the pieces, and answers what the app got once that are as many requests as expected, or the proxy closed. */
  framing(pieces: readonly Buffer[], expected: number): Promise<Message[]>;
  /** Requests under way. */
  open(): number;
  close(): Promise<void>;
}

const LIMIT_MS = 10_000;

export async function startSockets(): Promise<Sockets> {
  const app = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (chunk: Buffer) => parts.push(chunk));
    request.on('end', () => {
      const seen = [request.method, request.url, Buffer.concat(parts).toString('latin1')];
      response.writeHead(200, { 'X-Seen': Buffer.from(JSON.stringify(seen)).toString('base64'), 'Content-Length': 0 }).end();
    });
  });
  app.on('checkExpectation', (request, response) => app.emit('request', request, response));
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const { port: appPort } = app.address() as AddressInfo;
  let open = 0;
  const decrease = (): void => {
    open -= 1;
  };
  const begin = (): Flight => {
    open += 1;
    return { answered: () => undefined, stream: () => undefined, end: decrease };
  };
  const destination = { instance: 'i', host: '127.0.0.1', port: appPort, begin };
  const port = await freePort();
  const listener = await createSpliceDataPath().listen(port, '127.0.0.1', { pick: () => destination, onFailure: () => undefined });
  return {
    framing: (pieces, expected) => framing(port, pieces, expected),
    open: () => open,
    async close() {
      await listener.close(0);
      app.close();
      app.closeAllConnections();
    },
  };
}

function framing(port: number, pieces: readonly Buffer[], expected: number): Promise<Message[]> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const late = setTimeout(() => socket.destroy(), LIMIT_MS);
    let text = '';
    const endIfAll = (): void => {
      if (messagesIn(text).length >= expected && !socket.writableEnded) socket.end();
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      endIfAll();
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(late);
      resolve(messagesIn(text));
    });
    socket.once('connect', async () => {
      for (const piece of pieces) {
        socket.write(piece);
        // The next piece is another read of the proxy, most often.
        await new Promise(setImmediate);
      }
      endIfAll();
    });
  });
}

function messagesIn(text: string): Message[] {
  return [...text.matchAll(/^X-Seen: (.*)\r$/gm)].map(([, seen = '']) => {
    const [method = '', url = '', body = ''] = JSON.parse(Buffer.from(seen, 'base64').toString()) as string[];
    return { method, url, body };
  });
}

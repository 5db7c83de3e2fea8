/** `node plain-proxy.ts PORT TARGET_PORT`: the reverse proxy that one writes with `node:http` in ten minutes, as a comparison. */
import { Agent, createServer, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { pipeline } from 'node:stream';

const [port, targetPort] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true });

const server = createServer((incoming, answer) => {
  const sent = request(towardsTarget(incoming), (response) => {
    // The client may be gone by now.
    if (answer.destroyed) return void response.destroy();
    answer.writeHead(response.statusCode ?? 502, endToEnd(response));
    pipeline(response, answer, () => undefined);
  });
  answer.on('close', () => {
    if (!answer.writableFinished) sent.destroy();
  });
  sent.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()));
  pipeline(incoming, sent, () => undefined);
});

server.on('upgrade', (incoming, socket, head) => {
  const sent = request({ ...towardsTarget(incoming), agent: false, headers: incoming.headers });
  sent.on('upgrade', (response, target, first) => {
    const lines = [`HTTP/1.1 101 ${response.statusMessage}`];
    for (const [name, value] of Object.entries(response.headers)) lines.push(`${name}: ${value}`);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    socket.write(first);
    target.write(head);
    pipeline(target, socket, target, () => undefined);
  });
  sent.on('response', () => socket.destroy());
  sent.on('error', () => socket.destroy());
  socket.on('error', () => socket.destroy());
  sent.end();
});

server.listen({ port, host: '127.0.0.1', backlog: 4096 });

function towardsTarget(incoming: IncomingMessage): {
  port: number | undefined;
  host: string;
  method: string | undefined;
  path: string | undefined;
  headers: OutgoingHttpHeaders;
  agent: Agent;
} {
  return { host: '127.0.0.1', port: targetPort, method: incoming.method, path: incoming.url, headers: endToEnd(incoming), agent };
}

/** Without what speaks of one connection only: else a client that closes its own would close the one to the target. */
function endToEnd({ headers }: IncomingMessage): OutgoingHttpHeaders {
  const { connection, 'keep-alive': _, ...rest } = headers;
  return rest;
}

/**
 * `node upload-server.ts PORT`: reads every body to its end and then answers 204. Bare sockets, so that it takes little of the time of the core that it
 * shares with the clients. It says how long it keeps an idle connection, as Node's own server does. Knows `Content-Length` only: whatever else comes gets 501, which the load counts as an error.
 */
import { createServer, type Socket } from 'node:net';

const DONE = 'HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=5\r\n\r\n';
const NOT_KNOWN = 'HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
const END_OF_HEAD = '\r\n\r\n';

createServer(serve).listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });

function serve(socket: Socket): void {
  let head: Buffer = Buffer.alloc(0);
  let bodyLeft = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (bodyLeft === 0) {
        const before = head.length;
        head = Buffer.concat([head, chunk.subarray(at)]);
        const end = head.indexOf(END_OF_HEAD);
        if (end < 0) return;
        const length = /^content-length: *(\d+)\r?$/im.exec(head.toString('latin1', 0, end))?.[1];
        if (length === undefined) return void socket.end(NOT_KNOWN);
        at += end + END_OF_HEAD.length - before;
        head = Buffer.alloc(0);
        bodyLeft = Number(length);
      }
      const taken = Math.min(bodyLeft, chunk.length - at);
      bodyLeft -= taken;
      at += taken;
      if (bodyLeft === 0) socket.write(DONE);
    }
  });
}

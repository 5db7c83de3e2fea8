/** `node echo-server.ts PORT`: a WebSocket server that sends back what it gets. */
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096, perMessageDeflate: false });
server.on('connection', (socket) => {
  // A client that goes away in the middle is the load's end, not this server's.
  socket.on('error', () => socket.terminate());
  socket.on('message', (data, binary) => socket.send(data, { binary }));
});

/** A page with the chat on it, small enough to start at once; laid out as the guestbook is, so that the demo agent knows its way. */
import { createServer } from 'node:http';
import { content } from './src/content.ts';
import { ping } from './src/store.ts';

const { PORT, INTERNAL_PORT, GREENROOM_COMMIT = '' } = process.env;

const server = createServer((request, response) => {
  response.setHeader('x-commit', GREENROOM_COMMIT);
  if (request.url === '/api/ping') {
    try {
      ping(GREENROOM_COMMIT);
      response.end('pong');
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
    return;
  }
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${content.title}</title>
<script type="module" src="/.greenroom/chat.js"></script>
<h1 data-hue="${content.hue}">${content.title}</h1>
<p>${content.greeting}</p>
<greenroom-chat style="display: block; height: 600px"></greenroom-chat>`);
});
server.listen(Number(PORT), '127.0.0.1');
createServer((_, response) => response.end('ok')).listen(Number(INTERNAL_PORT), '127.0.0.1');
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});

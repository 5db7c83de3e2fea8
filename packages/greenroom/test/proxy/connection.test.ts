/** What is about a connection and not about one message, by the sections of RFC 9112. */
import assert from 'node:assert/strict';
import http from 'node:http';
import type { Socket } from 'node:net';
import test from 'node:test';
import { rawExchange, startApp, startProxyRig, targetOf, until } from './rig.ts';
import { connectRaw, type RawClient, startSplice } from './splice-rig.ts';

const POST = 'POST / HTTP/1.1\r\nHost: a\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const UPLOAD_BYTES = 20_000_000;
/** What an app does with the rest of an upload that it has answered. */
const LEAVINGS: Record<string, (socket: Socket) => void> = {
  'leaves the rest unread when it closes': (socket) => socket.destroy(),
  'resets the rest': (socket) => socket.resetAndDestroy(),
  'reads no more, without closing': (socket) => socket.pause(),
};

for (const [framing, rest] of Object.entries({
  'a length': 'Content-Length: 9\r\n\r\ntoo large',
  chunks: 'Transfer-Encoding: chunked\r\n\r\n9\r\ntoo large\r\n0\r\n\r\n',
  'no length': '\r\ntoo large',
})) {
  for (const [way, leave] of Object.entries(framing === 'no length' ? {} : LEAVINGS))
    test(`9.6: an early answer with ${framing} is the client's, amid an upload of which the app ${way}`, async (t) => {
      let answered = false;
      const { port, open } = await startSplice(t, (socket) => {
        if (!answered) socket.write(`HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n${rest}`, () => leave(socket));
        answered = true;
      });
      const client = connectRaw(t, port, `${POST}Content-Length: ${UPLOAD_BYTES}\r\n\r\n`);
      await upload(client, UPLOAD_BYTES);
      await client.sees(/^HTTP\/1\.1 413 [\s\S]*too large/);
      await until(() => open() === 0);
    });

  test(`9.6: an answer with ${framing} that ends the app's connection amid an upload is the client's, and the upload may end`, async (t) => {
    let answered = false;
    const { port, open } = await startSplice(t, (socket) => {
      if (!answered) socket.end(`HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n${rest}`);
      answered = true;
    });
    const client = connectRaw(t, port, `${POST}Content-Length: ${UPLOAD_BYTES}\r\n\r\n`);
    await client.sees(/^HTTP\/1\.1 413 [\s\S]*too large/);
    await upload(client, UPLOAD_BYTES);
    await until(() => open() === 0);
    client.socket.end('GET / HTTP/1.1\r\n');
    assert.equal(await client.ended, 'closed');
  });
}

test('9.3.2: requests with and without bodies that come at once are answered in order, each with its own body', async (t) => {
  const proxy = await startProxyRig(t);
  const echo = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => response.end(`<${request.method} ${request.url} ${body}>`));
  });
  await proxy.route(targetOf(await startApp(t, 'i1', echo)));
  const head = (method: string, path: number, more = ''): string => `${method} /${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  const answers = await rawExchange(
    proxy.port,
    head('GET', 1) +
      `${head('POST', 2, 'Content-Length: 3\r\n')}two` +
      `${head('PUT', 3, 'Transfer-Encoding: chunked\r\n')}5\r\nthree\r\n0\r\n\r\n` +
      head('HEAD', 4) +
      head('POST', 5) +
      head('GET', 6, 'Connection: close\r\n'),
  );
  assert.deepEqual(answers.match(/<.*?>/g), ['<GET /1 >', '<POST /2 two>', '<PUT /3 three>', '<POST /5 >', '<GET /6 >']);
  assert.equal(answers.match(/HTTP\/1\.1 200 OK/g)?.length, 6);
});

test('9.6: what follows the last request is none', async (t) => {
  const seen: string[] = [];
  const { port } = await startSplice(t, (socket, text) => {
    seen.push(text);
    socket.write(OK);
  });
  const client = connectRaw(t, port, 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /more HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.ended;
  assert.match(client.text(), /Connection: close\r\n\r\nok$/);
  assert.equal(seen.length, 1);
  assert.doesNotMatch(seen[0] ?? '', /more/);
});

test('8: a request whose client says no more before its body is whole never is for the app, whose connection ends', async (t) => {
  for (const part of ['Content-Length: 10\r\n\r\n01234', 'Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n']) {
    let appSaw = '';
    let ended = false;
    const { port, open } = await startSplice(t, (socket, text) => {
      appSaw = text;
      socket.once('close', () => {
        ended = true;
      });
    });
    const client = connectRaw(t, port, POST + part);
    await until(() => appSaw.includes('01234'));
    client.socket.end();
    await client.ended;
    await until(() => ended && open() === 0);
    assert.equal(client.text(), '');
    assert.match(appSaw, /01234(\r\n)?$/);
  }
});

test('9.5: a client that says no more while it waits is taken to be gone, and its request with it', async (t) => {
  let asked = false;
  let ended = false;
  const { port, open } = await startSplice(t, (socket) => {
    asked = true;
    socket.once('close', () => {
      ended = true;
    });
  });
  const client = connectRaw(t, port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => asked);
  client.socket.end();
  await client.ended;
  await until(() => ended && open() === 0);
  assert.equal(client.text(), '');
});

async function upload({ socket }: RawClient, bytes: number): Promise<void> {
  const part = Buffer.alloc(64 * 1024, 'x');
  for (let left = bytes; left > 0; left -= part.length) {
    if (!socket.write(left < part.length ? part.subarray(0, left) : part)) await new Promise((resolve) => socket.once('drain', resolve));
  }
}

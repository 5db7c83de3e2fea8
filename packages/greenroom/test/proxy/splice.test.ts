import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import test from 'node:test';
import { until } from './rig.ts';
import { connectRaw, startSplice } from './splice-rig.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const LAST = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const EXPECT = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n';
/** More than the system holds for an app that does not read. */
const LARGE_UPLOAD = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n${'x'.repeat(20_000_000)}`;
const requestsIn = (text: string): number => text.split('\r\n\r\n').length - 1;

for (const [name, bytes] of Object.entries({
  'bare LF after the request line': 'GET / HTTP/1.1\nHost: a\n\n',
  'a TLS handshake': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'a bare CR': 'GET / HTTP/1.1\rHost: a',
})) {
  test(`what can become no head is refused without waiting for more of it: ${name}`, async (t) => {
    const { port } = await startSplice(t, () => assert.fail('the app was asked'));
    const client = connectRaw(t, port, bytes);
    assert.equal(await client.ended, 'closed');
    assert.match(client.text(), /^HTTP\/1\.1 400 /);
  });
}

test('a head may come byte by byte, after empty lines', async (t) => {
  const { port } = await startSplice(t, (socket, text) => text.endsWith('\r\n\r\n') && socket.write(OK));
  const client = connectRaw(t, port, '');
  client.socket.setNoDelay(true);
  for (const byte of `\r\n\r\n${LAST}`) {
    client.socket.write(byte);
    await new Promise(setImmediate);
  }
  await client.ended;
  assert.match(client.text(), /^HTTP\/1\.1 200 OK/);
});

test('a connection of the app that did not get the whole request is not lent again', async (t) => {
  const { port, connections } = await startSplice(t, (socket, text, connection) => {
    if (connection > 0) socket.write(OK);
    else if (requestsIn(text) === 1) socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n');
    else assert.fail(`a second request on it: ${text}`);
  });
  const refused = connectRaw(t, port, EXPECT);
  await refused.ended;
  assert.match(refused.text(), /^HTTP\/1\.1 413 [\s\S]*Connection: close/);
  const next = connectRaw(t, port, LAST);
  await next.ended;
  assert.match(next.text(), /ok$/);
  assert.equal(connections.length, 2);
});

test('an early answer after 100 Continue leaves the rest of the body with the app, and the connection in step', async (t) => {
  const { port, connections } = await startSplice(t, (socket, text) => {
    if (text.endsWith('\r\n\r\n') && requestsIn(text) === 1) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    if (text.endsWith('01234')) socket.write(OK);
    if (text.includes('/last')) socket.write(OK);
  });
  const client = connectRaw(t, port, EXPECT);
  await client.sees(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  client.socket.write('01234');
  await client.sees(/ok$/);
  client.socket.write(`56789${LAST}`);
  await client.ended;
  assert.match(client.text(), /ok[\s\S]*ok$/);
  assert.equal(connections.length, 1);
});

test('an answer that breaks off is a reset for a client that would take the close for its end', async (t) => {
  for (const rest of ['5\r\nhello\r\nzz\r\n', '5\r\nhello\r\n', '5\r\nhel']) {
    const { port } = await startSplice(t, (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${rest}`);
      if (!rest.includes('zz')) socket.end();
    });
    assert.equal(await connectRaw(t, port, 'GET / HTTP/1.0\r\n\r\n').ended, 'reset', rest);
  }
});

test('a client that stops reading an answer without length is reset, not closed', async (t) => {
  const big = Buffer.alloc(64 * 1024, 'x');
  const { port, open } = await startSplice(
    t,
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const more = (): void => {
        while (socket.writable && socket.write(big));
        socket.once('drain', more);
      };
      more();
    },
    { stallTimeoutMs: 300 },
  );
  const client = connectRaw(t, port, 'GET / HTTP/1.0\r\n\r\n');
  await client.sees(/200 OK/);
  client.socket.pause();
  await until(() => open() === 0);
  client.socket.resume();
  assert.equal(await client.ended, 'reset');
});

test('bytes right behind an upgrade pass both ways, even more than is held', async (t) => {
  const early = 'x'.repeat(1_000_000);
  let got = 0;
  const { port } = await startSplice(t, (socket, text) => {
    const head = text.indexOf('\r\n\r\n') + 4;
    if (got === 0) setTimeout(() => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello'), 50);
    got = text.length - head;
    if (got === early.length) socket.end('bye');
  });
  const client = connectRaw(t, port, `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n${early}`);
  await client.sees(/\r\n\r\nhello/);
  await client.sees(/bye$/);
  client.socket.end();
  await client.ended;
  assert.equal(got, early.length);
});

test('a tunnel whose client does not read ends some time after the app left', async (t) => {
  const { port, open } = await startSplice(
    t,
    (socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
      const fill = (): void => {
        while (socket.write(Buffer.alloc(64 * 1024)));
        setTimeout(() => socket.destroy(), 100);
      };
      fill();
    },
    { stallTimeoutMs: 300 },
  );
  const client = connectRaw(t, port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  client.socket.pause();
  await until(() => open() === 1);
  await until(() => open() === 0);
});

test('connections are lent again after 204 and 304, but not after HEAD, nor after chunks in HTTP/1.0', async (t) => {
  const answers: Record<string, string> = {
    '/204': 'HTTP/1.1 204 No Content\r\n\r\n',
    '/304': 'HTTP/1.1 304 Not Modified\r\n\r\n',
    '/head': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
    '/old': 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    '/ok': OK,
  };
  for (const [path, connectionsAfter] of Object.entries({ '/204': 1, '/304': 1, '/head': 2, '/old': 2 })) {
    const { port, connections } = await startSplice(t, (socket, text) => {
      const asked = text.slice(text.lastIndexOf(' /') + 1).split(' ', 1)[0] ?? '';
      socket.write(answers[asked] ?? 'HTTP/1.1 500 Unknown\r\nContent-Length: 0\r\n\r\n');
    });
    const method = path === '/head' ? 'HEAD' : 'GET';
    const client = connectRaw(t, port, `${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n${LAST.replace('/last', '/ok')}`);
    await client.ended;
    assert.match(client.text(), /ok$/);
    assert.doesNotMatch(client.text(), /500/);
    assert.equal(connections.length, connectionsAfter, path);
  }
});

test('an upload that stops is cut, though its answer came early', async (t) => {
  const { port, open } = await startSplice(t, (socket, text) => requestsIn(text) === 1 && socket.write(OK), { stallTimeoutMs: 300 });
  const client = connectRaw(t, port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n');
  await client.sees(/ok$/);
  await client.ended;
  await until(() => open() === 0);
});

test('an app that takes no more of an upload, and does not answer, is given up', async (t) => {
  const { port, open } = await startSplice(t, (socket) => void socket.pause(), { stallTimeoutMs: 300 });
  const client = connectRaw(t, port, LARGE_UPLOAD);
  await client.sees(/^HTTP\/1\.1 504 /);
  await until(() => open() === 0);
});

test('an app that answers, keeps its connection and takes no more of the upload is not waited for', async (t) => {
  const serve = (socket: Socket): void => {
    socket.pause();
    socket.write(OK);
  };
  const { port, open } = await startSplice(t, serve, { stallTimeoutMs: 300 });
  const client = connectRaw(t, port, LARGE_UPLOAD);
  await client.sees(/ok$/);
  await client.ended;
  await until(() => open() === 0);
});

test('an app may answer for longer than it may leave an upload alone', async (t) => {
  const serve = (socket: Socket): void => {
    socket.pause();
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nfirst');
  };
  const { port, connections } = await startSplice(t, serve, { stallTimeoutMs: 200 });
  const client = connectRaw(t, port, LARGE_UPLOAD);
  await client.sees(/first$/);
  const idle = connectRaw(t, port, LARGE_UPLOAD.slice(0, 60));
  await idle.ended;
  connections[0]?.write('end');
  await client.sees(/firstend$/);
});

test('an answer that does not begin in time is 504, where there is such a limit', async (t) => {
  const { port } = await startSplice(t, () => undefined, { answerTimeoutMs: 200 });
  const client = connectRaw(t, port, GET);
  await client.ended;
  assert.match(client.text(), /^HTTP\/1\.1 504 /);
});

test('a request that takes longer than its whole time is 504, or is cut where its answer had begun', async (t) => {
  const answers: Record<string, string> = { '/begun': 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart' };
  const { port, open } = await startSplice(
    t,
    (socket, text) => {
      const answer = answers[text.split(' ', 2)[1] ?? ''];
      if (answer) socket.write(answer);
    },
    { totalTimeoutMs: 300 },
  );
  const silent = connectRaw(t, port, GET);
  const upload = connectRaw(t, port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nnever whole');
  const begun = connectRaw(t, port, 'GET /begun HTTP/1.1\r\nHost: a\r\n\r\n');
  await Promise.all([silent.ended, upload.ended, begun.ended]);
  assert.match(silent.text(), /^HTTP\/1\.1 504 /);
  assert.match(upload.text(), /^HTTP\/1\.1 504 /);
  assert.match(begun.text(), /\r\n\r\npart$/);
  await until(() => open() === 0);
});

test('a stream goes on beyond the time of a whole request', async (t) => {
  const { port, connections } = await startSplice(
    t,
    (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n'),
    { totalTimeoutMs: 100 },
  );
  const stream = connectRaw(t, port, GET);
  await stream.sees(/event-stream/);
  // Begun later, it is over by its limit later than the stream would have been.
  await connectRaw(t, port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n').ended;
  connections[0]?.write('data: 1\n\n');
  await stream.sees(/data: 1/);
});

test('10,000 pipelined requests are answered, in order', async (t) => {
  let answered = 0;
  const { port, connections } = await startSplice(t, (socket, text) => {
    if (socket.writableEnded) return;
    // One at a time: the proxy does not pipeline.
    const path = text.slice(text.lastIndexOf('GET ')).split(' ', 2)[1] ?? '';
    assert.equal(path, `/${answered}`);
    answered += 1;
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
    if (answered % 1_000 === 0) socket.end();
  });
  const all = Array.from({ length: 10_000 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`).join('');
  const client = connectRaw(t, port, all);
  await until(() => client.text().endsWith('\r\n\r\n/9999'), 20_000);
  const bodies = [...client.text().matchAll(/\r\n\r\n(\/\d+)/g)].map(([, path]) => path);
  assert.deepEqual(bodies.slice(0, 3), ['/0', '/1', '/2']);
  assert.equal(bodies.length, 10_000);
  assert.ok(connections.length <= 21, `${connections.length} connections`);
});

test('what is pipelined before its turn is held up to a bound', async (t) => {
  let asked = 0;
  let answer = (): void => undefined;
  const { port } = await startSplice(t, (socket) => {
    asked += 1;
    answer = () => void socket.write(OK);
  });
  const client = connectRaw(t, port, GET);
  const flood = Buffer.from(GET.repeat(2_000), 'latin1');
  for (let i = 0; i < 400; i += 1) client.socket.write(flood);
  for (let i = 0; i < 20; i += 1) {
    const before = i;
    await until(() => asked > before);
    answer();
  }
  // 30 MB were offered, and the system's own buffers hold some.
  assert.ok(client.socket.writableLength > 10_000_000, `${client.socket.writableLength} bytes not taken`);
  client.socket.destroy();
});

test('a listener that closes answers the first request of a connection that has just come', async (t) => {
  const { port, listener } = await startSplice(t, (socket) => socket.write(OK));
  const idle = connectRaw(t, port, GET);
  await idle.sees(/ok$/);
  const fresh = connectRaw(t, port, '');
  await new Promise((resolve) => fresh.socket.once('connect', resolve));
  const other = connectRaw(t, port, GET);
  await other.sees(/ok$/);
  const closed = listener.close(5_000);
  fresh.socket.write(GET);
  await Promise.all([idle.ended, other.ended, fresh.ended, closed]);
  assert.match(fresh.text(), /Connection: close\r\n[\s\S]*ok$/);
});

test('many small chunks become few; trailers and the end come with them', async (t) => {
  const chunks = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
  let seen = '';
  const { port } = await startSplice(t, (socket, text) => {
    seen = text;
    if (text.endsWith('\r\n0\r\nX-Sum: 1\r\n\r\n')) socket.write(OK);
  });
  const client = connectRaw(t, port, `${chunks}${'1;a=b;c="d\\"e"\r\nx\r\n'.repeat(100)}0\r\nX-Sum: 1\r\nHost: b\r\n\r\n`);
  await client.ended;
  assert.match(client.text(), /ok$/);
  assert.match(seen, /\r\n\r\n64\r\nx{100}\r\n0\r\nX-Sum: 1\r\n\r\n$/);
});

for (const [name, head] of Object.entries({
  'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n',
  'length and chunks': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n',
  'an unknown coding': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n',
  'a status of two digits': 'HTTP/1.1 20 OK\r\n',
  'another protocol': 'ICY 200 OK\r\n',
  'HTTP/2': 'HTTP/2.0 200 OK\r\n',
  'a folded line': 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n',
  'a head without end': `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}`,
})) {
  test(`an answer with ${name} is 502`, async (t) => {
    const { port } = await startSplice(t, (socket) => socket.write(`${head}\r\nok`));
    const client = connectRaw(t, port, LAST);
    await client.ended;
    assert.match(client.text(), /^HTTP\/1\.1 502 [\s\S]*answer is malformed/);
  });
}

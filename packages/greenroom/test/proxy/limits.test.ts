import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import test from 'node:test';
import { createSpliceDataPath } from '../../src/proxy/splice/data-path.ts';
import { freePort, rawExchange } from './rig.ts';

test('a head that takes too long is answered 408', async (t) => {
  const port = await freePort();
  const listener = await createSpliceDataPath({ headTimeoutMs: 200 }).listen(port, '127.0.0.1', {
    pick: () => null,
    onFailure: () => undefined,
  });
  t.after(() => listener.close(0));
  assert.match(await rawExchange(port, 'GET / HTTP/1.1\r\nHost: a\r\n'), /^HTTP\/1\.1 408 /);
});

test('an idle connection is closed at the limit, and not before', async (t) => {
  const port = await freePort();
  const listener = await createSpliceDataPath({ idleTimeoutMs: 300 }).listen(port, '127.0.0.1', {
    pick: () => null,
    onFailure: () => undefined,
  });
  t.after(() => listener.close(0));
  const socket = net.connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const [first] = (await once(socket, 'data')) as [Buffer];
  const answered = performance.now();
  assert.match(first.toString(), /^HTTP\/1\.1 503 /);
  socket.resume();
  await once(socket, 'end');
  assert.ok(performance.now() - answered >= 290);
});

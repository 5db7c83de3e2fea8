import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createInternalSockets } from '../../src/orchestrator/adapters/instances/internal-sockets.ts';
import { lookAtHealth } from '../../src/orchestrator/adapters/probe/health.ts';
import { createInternalLink } from '../../src/orchestrator/adapters/router/internal-link.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { asId } from './as-id.ts';

const [APP, AGENT] = [65_534, 65_533];
const skip = process.getuid?.() !== 0 && 'needs root';

test("the app's user listens on its internal socket, the orchestrator asks, and nobody else gets there", { skip }, async (t) => {
  const layout = layoutOf(mkdtempSync(join(tmpdir(), 'isolation-')));
  mkdirSync(layout.run);
  for (const folder of [layout.data, layout.run]) chmodSync(folder, 0o711);
  t.after(() => rmSync(layout.data, { recursive: true, force: true }));
  const socket = createInternalSockets(layout, { internal_socket: layout.internalSocket }, APP).open('one');

  const server = createServer((_, response) => response.end('fine'));
  asId(APP, () => server.listen(socket));
  await once(server, 'listening');
  t.after(() => server.close());
  const look = await lookAtHealth({ socket }, '/healthz', 2_000);
  assert.deepEqual([look.answer.ok && look.answer.status, look.address], [200, { socket }]);

  const refusalOf = async (id: number, path: string): Promise<string> => {
    const [error] = await once(
      asId(id, () => connect(path)),
      'error',
    );
    return error.code;
  };
  assert.equal(await refusalOf(AGENT, socket), 'EACCES');
  assert.throws(() => asId(AGENT, () => chmodSync(socket, 0o666)), { code: 'EACCES' });
  // Live, it is the orchestrator's, and the app's group may still use it.
  const link = createInternalLink(layout.internalSocket, layout);
  assert.ok((await link.point('one')).ok);
  const { uid, gid } = statSync(socket);
  assert.deepEqual([uid, gid], [process.geteuid?.(), APP]);
  // As the SDK makes it.
  chmodSync(socket, 0o660);
  const client = asId(APP, () => connect(layout.internalSocket));
  await once(client, 'connect');
  client.destroy();
  assert.equal(await refusalOf(AGENT, layout.internalSocket), 'EACCES');
  const unseen = await asId(AGENT, () => lookAtHealth({ socket }, '/healthz', 2_000));
  assert.equal(unseen.answer.ok, false);
  // A socket that the app opened to everybody lies in the same folder.
  chmodSync(socket, 0o666);
  assert.equal(await refusalOf(AGENT, socket), 'EACCES');
});

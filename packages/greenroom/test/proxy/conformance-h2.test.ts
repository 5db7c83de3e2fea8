import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { readPair } from '../../src/proxy/tls/read-pair.ts';
import { writeCertificate } from './certificates.ts';
import { H2_CASES } from './conformance-h2.ts';
import { block, connectFrames, FLAG, FRAME, type FramesClient, frame, u32 } from './h2-frames.ts';
import { until } from './rig.ts';
import { type SpliceRig, startSplice } from './splice-rig.ts';

/** The data path behind TLS, before an app that tells what it saw. */
async function start(t: TestContext): Promise<SpliceRig & { seen(): string }> {
  const folder = mkdtempSync(join(tmpdir(), 'greenroom-h2-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const found = await readPair(writeCertificate(folder, ['shop.example']));
  assert.ok(found.ok);
  let seen = '';
  const rig = await startSplice(
    t,
    (socket, text) => {
      seen = text;
      if (isWhole(text)) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    },
    {},
    { isSecure: () => true, pairFor: () => found.pair },
  );
  return Object.assign(rig, { seen: () => seen });
}

function isWhole(text: string): boolean {
  if (text.includes('Transfer-Encoding: chunked\r\n')) return /\r\n0\r\n(x: y\r\n)?\r\n$/.test(text);
  return /^content-length: 2\r$/im.test(text) ? text.endsWith('\r\n\r\nhi') : text.endsWith('\r\n\r\n');
}

const GET = [':method', 'GET', ':scheme', 'https', ':authority', 'shop.example', ':path', '/'];

const FLOOD = 10_000;
const CANCEL = 8;

async function ask(client: FramesClient, stream: number): Promise<number | string> {
  client.send(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, block(...GET)));
  return (await client.outcome(stream)).status;
}

test('each HTTP/2 case of the list comes out as its section says', async (t) => {
  const rig = await start(t);
  const wrong: string[] = [];
  let client = await connectFrames(t, rig.port);
  let stream = 1;
  for (const { section, name, frames, outcome } of H2_CASES) {
    client.send(...frames(stream));
    const { status, body } = await client.outcome(stream);
    const seen = rig.seen();
    const word = String(status).split(' ')[0];
    const right =
      typeof outcome === 'string'
        ? word === outcome && !seen.includes('smuggled')
        : 'app' in outcome
          ? status === 200 && outcome.app.test(seen)
          : status === 400 && body.includes(outcome.refused);
    if (!right) wrong.push(`${section}: ${name}: ${status} ${body}; the app got ${JSON.stringify(seen)}`);
    stream += 2;
    if (word !== 'goaway' && word !== 'closed') continue;
    client.socket.destroy();
    client = await connectFrames(t, rig.port);
    stream = 1;
  }
  assert.equal(await ask(client, stream), 200, 'the connection goes on');
  assert.deepEqual(wrong, []);
});

/** What a client sends without end, or in heaps, and what becomes of its connection. */
const FLOODS: { name: string; frames: () => Buffer[]; ends: boolean }[] = [
  {
    name: 'requests that are taken back at once (CVE-2023-44487)',
    frames: () =>
      Array.from({ length: FLOOD }, (_, at) => [
        frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, at * 2 + 1, block(...GET)),
        frame(FRAME.reset, 0, at * 2 + 1, u32(CANCEL)),
      ]).flat(),
    ends: true,
  },
  {
    name: 'a head without end, in small pieces (CVE-2024-28182)',
    frames: () => [
      frame(FRAME.headers, 0, 1, block(...GET)),
      ...Array.from({ length: FLOOD }, (_, at) => frame(FRAME.continuation, 0, 1, block(`x-${at}`, 'y'))),
    ],
    ends: true,
  },
  {
    name: 'a head without end, in empty pieces',
    frames: () => [frame(FRAME.headers, 0, 1, block(...GET)), ...Array.from({ length: FLOOD }, () => frame(FRAME.continuation, 0, 1))],
    ends: true,
  },
  {
    name: 'one large field, named again and again by its number in the table',
    frames: () => [
      frame(FRAME.headers, 0, 1, block(...GET)),
      // Into the table, and then the number of the table's newest entry.
      frame(FRAME.continuation, 0, 1, Buffer.concat([Buffer.from([0x40]), block('x', 'y'.repeat(4_000)).subarray(1)])),
      frame(FRAME.continuation, FLAG.endHeaders, 1, Buffer.alloc(FLOOD, 0xbe)),
    ],
    ends: false,
  },
  {
    name: 'thousands of fields',
    frames: () => [
      frame(FRAME.headers, FLAG.endStream, 1, block(...GET)),
      frame(FRAME.continuation, FLAG.endHeaders, 1, block(...Array.from({ length: 2_000 }, () => ['x', 'y']).flat())),
    ],
    ends: false,
  },
  {
    name: 'more requests at once than are allowed',
    frames: () => Array.from({ length: FLOOD }, (_, at) => frame(FRAME.headers, FLAG.endHeaders, at * 2 + 1, block(...GET))),
    ends: true,
  },
];

test('floods of HTTP/2 frames cost little and touch nobody else', async (t) => {
  const rig = await start(t);
  const other = await connectFrames(t, rig.port);
  for (const { name, frames, ends } of FLOODS) {
    const client = await connectFrames(t, rig.port);
    client.send(...frames());
    const { status } = ends ? await client.closed() : await client.outcome(1);
    t.diagnostic(`${name}: ${status}`);
    assert.match(String(status), ends ? /^goaway/ : /^reset/, name);
    client.socket.destroy();
  }
  assert.ok(rig.connections.length < FLOOD / 5, `the app got ${rig.connections.length} of them`);
  assert.equal(await ask(other, 1), 200);
  await until(() => rig.open() === 0);
});

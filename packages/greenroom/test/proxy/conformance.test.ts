import assert from 'node:assert/strict';
import test from 'node:test';
import { CASES } from './conformance.ts';
import { connectRaw, startSplice } from './splice-rig.ts';

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';

test('each case of the list comes out as its section says, whole and byte by byte', async (t) => {
  let seen = '';
  const { port } = await startSplice(t, (socket, text) => {
    seen = text;
    if (isWhole(text)) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  const wrong: string[] = [];
  for (const { section, name, bytes, outcome } of CASES) {
    for (const step of bytes.length < 600 ? [bytes.length, 1] : [bytes.length]) {
      seen = '';
      const refused = !('app' in outcome);
      const client = connectRaw(t, port, '');
      client.socket.setNoDelay(true);
      const all = refused ? bytes + SMUGGLED : bytes;
      for (let at = 0; at < all.length; at += step) {
        client.socket.write(Buffer.from(all.slice(at, at + step), 'latin1'));
        if (step === 1) await new Promise(setImmediate);
      }
      if (refused) await client.ended;
      else await client.sees(/\r\n\r\n/);
      client.socket.destroy();
      const text = client.text();
      const status = 'refused' in outcome ? 400 : 'status' in outcome ? outcome.status : 200;
      const right =
        'app' in outcome
          ? outcome.app.test(seen)
          : // Refused between two bytes of a body, whose client goes on, an answer may come too late to be seen.
            (text.startsWith(`HTTP/1.1 ${status} `) || (text === '' && step === 1)) && !seen.includes('smuggled');
      const reasonRight = !('refused' in outcome) || step === 1 || text.includes(outcome.refused);
      if (!right || !reasonRight) wrong.push(`${section}: ${name}, in steps of ${step}: ${text || 'no answer'}\nThe app got: ${seen}`);
    }
  }
  assert.deepEqual(wrong, []);
});

/** Whether the app has all of a request of the list. */
function isWhole(text: string): boolean {
  if (text.includes('Transfer-Encoding: chunked\r\n')) return /\r\n0\r\n(X: y\r\n)?\r\n$/.test(text);
  return text.includes('Content-Length: 2\r\n') ? text.endsWith('\r\n\r\nhi') : text.endsWith('\r\n\r\n');
}

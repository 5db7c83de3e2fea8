import assert from 'node:assert/strict';
import test from 'node:test';
import { ANSWER_CASES, type AnswerCase } from './conformance-answers.ts';
import { connectRaw, startSplice } from './splice-rig.ts';

const NEXT = 'GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const NEXT_ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext';

test('each answer of the list comes out as its section says, whole and byte by byte, and the next one is in step', async (t) => {
  let present: { bytes: string; ends: boolean; step: number } = { bytes: '', ends: false, step: 1 };
  /** Which of the app's connections the request came on, and the next one. */
  let asked = -1;
  let askedNext = -1;
  const answered = new Map<number, number>();
  const { port } = await startSplice(t, async (socket, text, connection) => {
    const heads = text.split('\r\n\r\n').length - 1;
    if (heads <= (answered.get(connection) ?? 0)) return;
    answered.set(connection, heads);
    if (text.endsWith('hi') || !text.includes('/next', text.lastIndexOf(' HTTP/1.1') - 6)) {
      asked = connection;
      const { bytes, ends, step } = present;
      for (let at = 0; at < bytes.length; at += step) {
        socket.write(Buffer.from(bytes.slice(at, at + step), 'latin1'));
        if (step === 1) await new Promise(setImmediate);
      }
      if (ends) socket.end();
    } else {
      askedNext = connection;
      socket.write(NEXT_ANSWER);
    }
  });

  async function one({ section, name, request, bytes, ends, outcome }: AnswerCase, step: number): Promise<string> {
    present = { bytes, ends, step };
    asked = -1;
    askedNext = -1;
    const isTunnel = request.includes('Upgrade') && bytes.includes(' 101 ');
    const client = connectRaw(t, port, isTunnel ? request : request + NEXT);
    await client.ended;
    const text = client.text();
    if (!text.endsWith('next')) {
      const other = connectRaw(t, port, NEXT);
      await other.ended;
      if (!other.text().endsWith('next')) return `${section}: ${name}, in steps of ${step}: the next one gets ${other.text()}`;
    }
    const reused = asked === askedNext;
    const right =
      'refused' in outcome
        ? text.startsWith('HTTP/1.1 502 ') && text.includes(`(${outcome.refused})`) && text.endsWith('next') && !reused
        : 'cut' in outcome
          ? outcome.cut.test(text) && !text.includes('next') && !reused
          : outcome.client.test(text) && reused === outcome.reused;
    return right ? '' : `${section}: ${name}, in steps of ${step}, ${reused ? '' : 'not '}on the same connection: ${text}`;
  }

  const wrong: string[] = [];
  for (const each of ANSWER_CASES) {
    // What an app says behind its answer may be the next one's, once it is asked; so it comes with the answer.
    const steps = each.bytes.length > 600 || each.bytes.includes('smuggled') ? [each.bytes.length] : [each.bytes.length, 1];
    for (const step of steps) wrong.push(await one(each, step));
  }
  assert.deepEqual(
    wrong.filter((each) => each !== ''),
    [],
  );
});

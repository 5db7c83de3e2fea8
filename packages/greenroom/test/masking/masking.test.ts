import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { SHORTEST_SECRET } from '../../src/masking/forms.ts';
import { createMasker, HIDDEN } from '../../src/masking/masker.ts';
import { scrubFile } from '../../src/orchestrator/adapters/instances/scrub-log.ts';

const textOf = (characters: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...characters), { minLength, maxLength }).map((chosen) => chosen.join(''));
/** Of characters that no text around it has, so that what is left of it can be told; symbols that encodings treat in their own ways included. */
const secret = textOf('XYZWQK/=&?%#@!$*()"\'\\<> é✓', SHORTEST_SECRET, 80).filter((text) => text.trim() === text);
const around = textOf('ghijklm \n.,:;', 0, 40);

const ENCODINGS: Record<string, (text: string) => string> = {
  plain: (text) => text,
  json: (text) => JSON.stringify(text).slice(1, -1),
  'json within json': (text) => JSON.stringify(JSON.stringify(text).slice(1, -1)).slice(1, -1),
  hex: (text) => Buffer.from(text).toString('hex'),
  'upper-case hex': (text) => Buffer.from(text).toString('hex').toUpperCase(),
  'a printed Buffer': (text) => [...Buffer.from(text)].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
  'a Buffer as JSON': (text) => JSON.stringify([...Buffer.from(text)]).slice(1, -1),
  url: encodeURIComponent,
  'a form': (text) => new URLSearchParams({ text }).toString().slice('text='.length),
  html: (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
  'a quoted word of a shell': (text) => text.replaceAll("'", "'\\''"),
};

test('a secret is hidden in every encoding, whatever stands around it, and all else is left', () => {
  fc.assert(
    fc.property(secret, around, around, fc.constantFrom(...Object.keys(ENCODINGS)), (value, before, after, name) => {
      const encoded = ENCODINGS[name]?.(value) ?? '';
      assert.equal(createMasker([value]).whole(`${before}${encoded}${after}`), `${before}${HIDDEN}${after}`, name);
    }),
    { numRuns: 400 },
  );
});

test('a secret is hidden in base64 of a text that holds it, wherever it falls', () => {
  const bytes = fc.uint8Array({ maxLength: 12 });
  fc.assert(
    fc.property(secret, bytes, bytes, fc.constantFrom<BufferEncoding>('base64', 'base64url'), (value, before, after, encoding) => {
      const text = Buffer.concat([before, Buffer.from(value), after]).toString(encoding);
      const [left = '', right] = createMasker([value]).whole(text).split(HIDDEN);
      assert.ok(right !== undefined, `${text} is left as it is`);
      // What is left has of the secret at most the bits that it shares a character with.
      const most = Math.ceil((before.length * 8) / 6) + Math.ceil((after.length * 8) / 6) + 4;
      assert.ok(left.length + right.length <= most, `${left} … ${right} of ${text}`);
    }),
    { numRuns: 400 },
  );
});

test('a secret that comes in pieces is held back until it can be told', () => {
  fc.assert(
    fc.property(secret, around, around, fc.array(fc.nat(60), { maxLength: 12 }), (value, before, after, cuts) => {
      const masker = createMasker([value]);
      let held = '';
      let shown = '';
      for (const piece of pieces(`${before}${value}${after}`, cuts)) {
        held += piece;
        const sure = held.length - masker.doubtful(held);
        shown += masker.whole(held.slice(0, sure));
        held = held.slice(sure);
      }
      assert.equal(shown + masker.whole(held), `${before}${HIDDEN}${after}`);
    }),
    { numRuns: 300 },
  );
});

test('a log is scrubbed in place, however its writer cuts its lines', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'masking-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'app.log');
  await fc.assert(
    fc.asyncProperty(secret, around, around, fc.array(fc.nat(60), { maxLength: 5 }), async (value, before, after, cuts) => {
      const masker = createMasker([value]);
      const hex = Buffer.from(value).toString('hex');
      writeFileSync(file, '');
      let from = 0;
      for (const piece of pieces(`${before}${value}${after}\n${hex}\n`, cuts)) {
        appendFileSync(file, piece);
        from = await scrubFile(file, masker, from);
      }
      const stars = (form: string): string => '*'.repeat(Buffer.byteLength(form));
      assert.equal(readFileSync(file, 'utf8'), `${before}${stars(value)}${after}\n${stars(hex)}\n`);
    }),
    { numRuns: 60 },
  );
});

test('values as short as a word or number are left, and overlapping secrets leave no rest', () => {
  assert.equal(createMasker(['true', '5432']).whole('"tls": true, "port": 5432'), '"tls": true, "port": 5432');
  assert.equal(createMasker(['abcdefgh', 'efghijkl']).whole('1 abcdefghijkl 2'), `1 ${HIDDEN} 2`);
  assert.deepEqual(createMasker(['hunter22']).deep({ hunter22: ['is hunter22', 1, null] }), { [HIDDEN]: [`is ${HIDDEN}`, 1, null] });
});

function pieces(text: string, lengths: readonly number[]): string[] {
  const cut: string[] = [];
  let at = 0;
  for (const length of lengths) {
    cut.push(text.slice(at, at + length));
    at += length;
  }
  return [...cut, text.slice(at)];
}

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { requestHead, trailerLines } from '../../src/proxy/h2/request-bytes.ts';
import { REFUSAL } from '../../src/proxy/splice/refusals.ts';
import { CHUNKED_BODY, parseRequest } from '../../src/proxy/splice/request-head.ts';
import { serverFraming } from './fuzz/node-reference.ts';

type Field = readonly [name: string, value: string];

const CASES = 4_000;
/** node:http is asked about so many of them. */
const COMPARED = 600;

/** What the parser does not pass on as a line of the app's, or says itself. */
const NOT_PASSED = new Set(['te', 'trailer', 'forwarded', 'x-forwarded-for', 'content_length']);
/** All else that it refuses would mean that bytes were made which say something else. */
const REFUSABLE: readonly string[] = [
  REFUSAL.requestLine,
  REFUSAL.method,
  REFUSAL.fragment,
  REFUSAL.hostForm,
  REFUSAL.lengthForm,
  REFUSAL.lengthTwice,
];

const poison = fc.constantFrom(
  '\r\n',
  '\n',
  '\r',
  '\0',
  '\x01',
  '\x7f',
  '\u010d\u010a',
  '\u2028',
  ' ',
  '\t',
  ':',
  '#',
  '\xa0',
  '\xff',
  'GET / HTTP/1.1',
);
const word = fc.stringMatching(/^[a-z0-9/.-]{1,8}$/);
const text = fc.oneof(
  { weight: 8, arbitrary: word },
  { weight: 1, arbitrary: fc.array(fc.oneof(word, poison), { maxLength: 4 }).map((parts) => parts.join('')) },
);
const name = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'x',
      'accept',
      'cookie',
      'cookie',
      'content-type',
      'forwarded',
      'x-forwarded-for',
      'content_length',
      'trailer',
      'close',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('X', '', 'connection', 'transfer-encoding', 'upgrade', 'te', ':path', ':status', 'x y', 'x\r\ny', 'x:y'),
  },
);
const field: fc.Arbitrary<Field> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(name, text) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Field>(
      ['te', 'trailers'],
      ['content-length', '0'],
      ['content-length', '3'],
      ['content-length', '+3'],
      ['host', 'shop'],
      ['host', 'b'],
    ),
  },
);
const pseudo = fc.record(
  {
    ':method': fc.oneof({ weight: 8, arbitrary: fc.constantFrom('GET', 'POST', 'OPTIONS', 'get', 'CONNECT') }, text),
    ':scheme': fc.constant('https'),
    ':authority': fc.oneof({ weight: 8, arbitrary: fc.constantFrom('shop', 'SHOP', '[::1]:80', 'u@shop') }, text),
    ':path': fc.oneof({ weight: 8, arbitrary: word.map((it) => `/${it}`) }, fc.constantFrom('*', '/#a', 'https://shop/'), text),
  },
  { requiredKeys: [':method', ':path'] },
);
/** As a client sends them; now and then a field stands before a pseudo-header. */
const request = fc
  .tuple(pseudo, fc.array(field, { maxLength: 5 }), fc.boolean(), fc.nat({ max: 40 }))
  .map(([first, rest, hasBody, early]) => {
    const heads: Field[] = Object.entries(first);
    const fields = early === 0 && rest[0] ? [rest[0], ...heads, ...rest.slice(1)] : [...heads, ...rest];
    return { fields, hasBody };
  });

const rawOf = (fields: readonly Field[]): string[] => fields.flatMap((it) => [...it]);
const said = (fields: readonly Field[], wanted: string): string | undefined => fields.find(([each]) => each === wanted)?.[1];

const GET: Field[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'shop'],
  [':path', '/'],
];
/** What chance would seldom make. */
const EXAMPLES: Field[][] = [
  [
    ['content-length', '3'],
    ['content-length', '3'],
  ],
  [['content-length', '+3']],
  [
    ['cookie', 'a'],
    ['cookie', ''],
    ['cookie', 'b'],
  ],
  [['x', 'a\u010d\u010ab: c']],
];

test('what is made of an HTTP/2 request is read as that request, or refused', async () => {
  const reached = new Map<string, number>();
  const made: { head: string; method: string; path: string; body: number }[] = [];
  fc.assert(
    fc.property(request, ({ fields, hasBody }) => {
      const result = requestHead(rawOf(fields), hasBody);
      const outcome = result ? check(result.head, fields, hasBody) : 'malformed';
      reached.set(outcome, (reached.get(outcome) ?? 0) + 1);
      if (outcome !== 'taken' || !result || made.length >= COMPARED) return;
      const length = said(fields, 'content-length');
      const body = result.isChunked ? CHUNKED_BODY : Number(length ?? 0);
      made.push({ head: result.head, method: said(fields, ':method') ?? '', path: said(fields, ':path') ?? '', body });
    }),
    { numRuns: CASES, examples: EXAMPLES.map((fields) => [{ fields: [...GET, ...fields], hasBody: true }]) },
  );
  for (const outcome of ['taken', 'malformed', ...REFUSABLE]) assert.ok((reached.get(outcome) ?? 0) > 0, `${outcome} was never reached`);
  assert.ok((reached.get('taken') ?? 0) > CASES / 10, JSON.stringify([...reached]));
  for (const { head, method, path, body } of made) {
    const bytes = head + (body === CHUNKED_BODY ? '0\r\n\r\n' : 'x'.repeat(body));
    const { messages, error } = await serverFraming(Buffer.from(bytes, 'latin1'));
    assert.deepEqual({ messages, error }, { messages: [{ method, url: path, body: 'x'.repeat(Math.max(0, body)) }], error: '' }, bytes);
  }
});

function check(head: string, fields: readonly Field[], hasBody: boolean): string {
  const bytes = Buffer.from(head, 'latin1');
  assert.equal(bytes.toString('latin1'), head, 'each character is one byte');
  assert.equal(head.indexOf('\r\n\r\n'), head.length - 4, 'one head, and nothing behind it');
  const parsed = parseRequest(bytes, 0, bytes.length);
  if (!parsed.ok) {
    assert.ok(REFUSABLE.includes(parsed.reason), `${parsed.reason}: ${JSON.stringify(head)}`);
    return parsed.reason;
  }
  const rest = fields.filter(([each]) => !each.startsWith(':') && each !== 'host');
  const host = said(fields, ':authority') ?? said(fields, 'host') ?? '';
  const length = said(fields, 'content-length');
  const cookies = rest.filter(([each, value]) => each === 'cookie' && value !== '').map(([, value]) => value);
  const lines = rest.filter(([each]) => each !== 'cookie' && !NOT_PASSED.has(each)).map(([each, value]) => `${each}: ${value}\r\n`);
  if (cookies.length > 0) lines.push(`cookie: ${cookies.join('; ')}\r\n`);
  const isChunked = hasBody && length === undefined;
  // A trailer is announced only where one can follow.
  if (isChunked) lines.push(...rest.filter(([each]) => each === 'trailer').map(([each, value]) => `${each}: ${value}\r\n`));
  const { method, path, body, fields: passed, cookies: read, keepAlive, upgrade, minor, acceptsTrailers } = parsed.head;
  assert.deepEqual(
    { method, path, host: parsed.head.host, body, passed, read, keepAlive, upgrade, minor, acceptsTrailers },
    {
      method: said(fields, ':method'),
      path: said(fields, ':path'),
      host,
      body: isChunked ? CHUNKED_BODY : Number(length ?? 0),
      passed: [`Host: ${host}\r\n`, ...lines].join(''),
      read: cookies.length > 0 ? [cookies.join('; ')] : [],
      keepAlive: false,
      upgrade: '',
      minor: 1,
      acceptsTrailers: rest.some(([each]) => each === 'te'),
    },
  );
  return 'taken';
}

test('trailers stay lines of their own, whatever is in them', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, text), { maxLength: 5 }), (fields) => {
      const lines = trailerLines(rawOf(fields)).split('\r\n');
      assert.equal(lines.pop(), '');
      for (const line of lines) {
        assert.match(line, /^[!-9;-~]+: [\t\x20-\x7e\x80-\xff]*$/);
        assert.ok(fields.some(([each, value]) => line === `${each}: ${value}`));
      }
    }),
    { numRuns: CASES },
  );
});

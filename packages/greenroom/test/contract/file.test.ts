import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { readContract, writeContractCopy, writeHandOver } from '../../src/orchestrator/adapters/contract-file.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'gr-contract-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

const good = '{ "start_command": "node server.js", "port": 3000, "health_endpoint": "/healthz" }\n';

const texts: [name: string, text: string | Buffer, expected: string][] = [
  [
    'a comment',
    '{\n  // the port\n  "port": 1\n}',
    'line 2, column 3: a comment: JSON has none. Remove it, or write a field named "$comment".',
  ],
  ['a trailing comma', '{\n  "port": 1,\n}', 'line 2, column 12: a trailing comma: JSON allows none before "}".'],
  ['a trailing comma in a list', '{"a": [1, ]}', 'line 1, column 9: a trailing comma: JSON allows none before "]".'],
  ['a missing comma', '{\n  "port": 1\n  "a": 2\n}', 'line 3, column 3: expected "," or "}" for the one of line 1, found "\\"".'],
  [
    'single quotes',
    "{'port': 1}",
    `line 1, column 2: expected the name of a field in double quotes, found "'"; JSON wants "double quotes".`,
  ],
  ['a bare name', '{port: 1}', 'line 1, column 2: expected the name of a field in double quotes, found port.'],
  ['a bare value', '{"a": localhost}', 'line 1, column 7: expected a value, found localhost.'],
  ['a missing colon', '{"a" 1}', 'line 1, column 6: expected ":" after a, found 1.'],
  ['an open object', '{"a": 1', 'line 1, column 8: expected "," or "}", found the end of the file.'],
  ['an open text', '{"a": "b\n}', 'line 1, column 7: this text has no closing quote on its line.'],
  ['a bad escape', '{"a": "C:\\dir"}', 'line 1, column 10: "\\\\d" is no escape; write "\\\\" for a backslash.'],
  ['text after the end', '{} {}', 'line 1, column 4: nothing may follow the end of the JSON, but "{" does.'],
  ['an empty file', ' \n', 'the file is empty; `greenroom init` writes a contract to start from.'],
  ['UTF-16', Buffer.from('\uFEFF{}', 'utf16le'), 'this is UTF-16 text; save it as UTF-8.'],
  ['bytes', Buffer.from([0x7b, 0xff, 0x7d]), 'this is not UTF-8 text.'],
  ['a large file', ' '.repeat(1024 * 1024 + 1), '1048577 bytes are too large for a contract; at most 1 MB is allowed.'],
];

for (const [name, text, expected] of texts) {
  test(`refused with its place: ${name}`, async () => {
    const file = join(folder, 'bad.json');
    writeFileSync(file, text);
    assert.deepEqual(await readContract(file), { ok: false, sentences: [`${file}: ${expected}`] });
  });
}

test('files that are none are refused with sentences', { timeout: 10_000 }, async () => {
  const fifo = join(folder, 'pipe');
  execFileSync('mkfifo', [fifo]);
  const circle = join(folder, 'circle');
  symlinkSync('circle', circle);
  writeFileSync(join(folder, 'plain'), good);
  const problems = async (file: string): Promise<string> => {
    const read = await readContract(file);
    return read.ok ? '' : (read.sentences[0] ?? '').slice(file.length + 2);
  };
  assert.equal(await problems(join(folder, 'none.json')), 'there is no such file; `greenroom init` writes a contract to start from.');
  assert.equal(await problems(folder), 'this is a folder; name the contract file itself, usually app.contract.json.');
  assert.equal(await problems(fifo), 'this is not an ordinary file.');
  assert.equal(await problems(circle), 'it is a link that leads in a circle.');
  assert.equal(await problems(join(folder, 'plain', 'x.json')), 'there is no such file: a part of its path is not a folder.');
});

test('a good file is read, byte order mark and all; notes come along', async () => {
  const file = join(folder, 'good.json');
  writeFileSync(file, `\uFEFF{ "port": 1, "start_command": "x", "health_endpoint": "/", "port": 3000, "prot": 1 }`);
  const read = await readContract(file);
  assert.ok(read.ok);
  assert.equal(read.contract.port, 3000);
  assert.deepEqual(read.notes, ['port stands there twice; the last one counts.', 'prot is not a field and is ignored; did you mean port?']);
  writeFileSync(file, '{ "start_command": "x" }');
  const refused = await readContract(file);
  assert.equal(refused.ok ? 0 : refused.sentences.length, 2);
});

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(folder, 'data-'));
});

function assertCopy(text: string): void {
  const { contractCopy } = layoutOf(data);
  assert.equal(readFileSync(contractCopy, 'utf8'), text);
  assert.equal(lstatSync(contractCopy).mode, 0o100444);
  assert.equal(lstatSync(dirname(contractCopy)).mode & 0o777, 0o755);
  assert.deepEqual(readdirSync(dirname(contractCopy)), ['app.contract.json']);
}

test('the copy is written once, and again when the contract changed', async () => {
  const umask = process.umask(0o077);
  try {
    assert.equal(await writeContractCopy(layoutOf(data), good), 'written');
    assertCopy(good);
    const { ino } = lstatSync(layoutOf(data).contractCopy);
    assert.equal(await writeContractCopy(layoutOf(data), good), 'unchanged');
    assert.equal(lstatSync(layoutOf(data).contractCopy).ino, ino);
    assert.equal(await writeContractCopy(layoutOf(data), `${good}\n`), 'written');
    assertCopy(`${good}\n`);
  } finally {
    process.umask(umask);
  }
});

test('whatever was made of the copy is replaced, and nothing is written through links', async () => {
  const layout = layoutOf(data);
  const outside = join(data, 'outside');
  mkdirSync(outside);
  const victim = join(outside, 'app.contract.json');
  const copy = layout.contractCopy;
  const tampering: (() => void)[] = [
    () => chmodSync(copy, 0o666),
    () => {
      rmSync(copy);
      writeFileSync(copy, 'mine');
    },
    () => {
      rmSync(copy);
      symlinkSync(victim, copy);
    },
    () => linkSync(copy, join(outside, 'second')),
    () => {
      rmSync(copy);
      mkdirSync(join(copy, 'sub'), { recursive: true });
    },
    () => {
      rmSync(dirname(copy), { recursive: true });
      symlinkSync(outside, dirname(copy));
    },
    () => {
      rmSync(dirname(copy), { recursive: true });
      writeFileSync(dirname(copy), 'a file');
    },
    () => rmSync(layout.run, { recursive: true }),
  ];
  await writeContractCopy(layout, good);
  for (const tamper of tampering) {
    writeFileSync(victim, 'untouched');
    tamper();
    assert.equal(await writeContractCopy(layout, good), 'written');
    assertCopy(good);
    assert.equal(readFileSync(victim, 'utf8'), 'untouched');
  }
});

test('what a crash left half-written is no obstacle', async () => {
  const layout = layoutOf(data);
  mkdirSync(dirname(layout.contractCopy), { recursive: true });
  writeFileSync(join(dirname(layout.contractCopy), `.app.contract.json.${process.pid}.tmp`), 'half');
  await writeContractCopy(layout, good);
  assertCopy(good);
});

test('the hand-over lies beside the copy, is readable for all, and goes when the contract has no agent', async () => {
  const layout = layoutOf(data);
  await writeContractCopy(layout, good);
  await writeHandOver(layout, '{ "version": 1 }\n');
  assert.equal(dirname(layout.handOver), dirname(layout.contractCopy));
  assert.equal(readFileSync(layout.handOver, 'utf8'), '{ "version": 1 }\n');
  assert.equal(lstatSync(layout.handOver).mode & 0o777, 0o444);
  await writeHandOver(layout, null);
  await writeHandOver(layout, null);
  assertCopy(good);
});

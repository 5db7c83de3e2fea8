import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { CLI } from '../../../../bench/harness/greenroom.ts';
import { processesOf } from '../../../../bench/harness/leftovers.ts';
import { freePorts } from '../../../../bench/harness/ports.ts';
import { initRepo } from '../../../../bench/harness/repo.ts';
import { openRig, pidOf, prepareRig, type Rig, until } from './rig.ts';

const REFUSAL_LIMIT_MS = 20_000;

/** Runs `greenroom start` where it has to refuse, and checks that it left nothing running. */
async function refusedStart(rig: Rig, flags: Record<string, string> = {}): Promise<{ code: number | null; output: string }> {
  const all = {
    '--contract': join(rig.root, 'app.contract.json'),
    '--repo': rig.repo,
    '--data': rig.data,
    '--port': String(rig.apiPort),
    '--app': 'shop',
    ...flags,
  };
  const args = Object.entries(all).flat();
  const env = { ...process.env, GREENROOM_HOME: rig.home, NO_COLOR: '1' };
  const child = spawn(process.execPath, [CLI, 'start', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: REFUSAL_LIMIT_MS });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = await once(child, 'close');
  return { code: code as number | null, output: Buffer.concat(chunks).toString('utf8') };
}

/** A refusal is a sentence for the operator, not a stack. */
function assertRefused({ code, output }: { code: number | null; output: string }, ...expected: RegExp[]): void {
  assert.ok(code !== 0 && code !== null, `ended with ${code}:\n${output}`);
  for (const each of expected) assert.match(output, each);
  assert.doesNotMatch(output, /\n\s+at .*:\d+:\d+/, 'a stack trace');
}

const writeContract = (rig: Rig, text: string): void => writeFileSync(join(rig.root, 'app.contract.json'), text);

describe('greenroom start refuses with a sentence', { concurrency: 2 }, () => {
  test('contracts that are missing, malformed, invalid', async (t) => {
    const rig = await prepareRig(t);
    const valid = readFileSync(join(rig.root, 'app.contract.json'), 'utf8');
    assertRefused(await refusedStart(rig, { '--contract': join(rig.root, 'none.json') }), /none\.json does not exist/, /greenroom init/);
    writeContract(rig, '{ "port": 1, ');
    assertRefused(await refusedStart(rig), /app\.contract\.json: line 1, column 14/, /expected the name of a field/);
    writeContract(rig, JSON.stringify({ ...JSON.parse(valid), port: 'eighty', health_endpont: '/x', health_endpoint: undefined }));
    assertRefused(await refusedStart(rig), /port/, /"eighty"/, /1 to 65535/, /health_endpoint/, /health_endpont/);
    assert.ok(!existsSync(join(rig.data, 'repo.git')), 'a bad contract is refused before anything is made');
  });

  test('repositories that are missing, empty, none', async (t) => {
    const rig = await prepareRig(t);
    const at = (name: string): string => join(rig.root, name);
    assertRefused(await refusedStart(rig, { '--repo': at('nowhere') }), /nowhere/, /no folder|does not exist/);
    mkdirSync(at('plain'));
    assertRefused(await refusedStart(rig, { '--repo': at('plain') }), /plain is not a git repository/, /git init/);
    initRepo(at('fresh'));
    assertRefused(await refusedStart(rig, { '--repo': at('fresh') }), /fresh has no commits yet/, /git commit/);
    await rig.start();
    assert.equal((await rig.status()).live_commit, '', 'after refusals it starts as if nothing had been');
  });

  test('ports that another program has', async (t) => {
    const rig = await prepareRig(t);
    // Both parties are named: the app that wants a stable port, and the process that has it.
    const taken = [/shop/, new RegExp(`pid ${process.pid}`), /change the port in the contract/];
    for (const [port, expected] of [
      [rig.apiPort, [new RegExp(`in use by .*pid ${process.pid}`), /--port/]],
      [rig.port, taken],
      [rig.internalPort, taken],
    ] as const) {
      const squatter = createServer().listen(port, '127.0.0.1');
      // Also when the refusal is not as expected: a listener keeps this process from ending.
      squatter.unref();
      await once(squatter, 'listening');
      assertRefused(await refusedStart(rig), new RegExp(`\\b${port}\\b`), ...expected);
      await new Promise((resolve) => squatter.close(resolve));
    }
    await until(
      () => processesOf(rig.root).length === 0,
      () => `still running: ${processesOf(rig.root)}`,
    );
    await rig.start();
  });

  test('the same port for the API and the app', async (t) => {
    const rig = await prepareRig(t);
    assertRefused(
      await refusedStart(rig, { '--port': String(rig.port) }),
      new RegExp(`\\b${rig.port}\\b`),
      /"port" in its contract/,
      /--port/,
    );
    assertRefused(await refusedStart(rig, { '--port': String(rig.internalPort) }), /"internal_port" in its contract/);
  });

  test('an API that cannot listen once everything else stands: nothing is left, what is live goes on and is adopted', async (t) => {
    const rig = await prepareRig(t);
    // A folder where the socket belongs is found only at the very end of the start.
    const inTheWay = join(rig.data, 'run', 'agent.sock', 'x');
    mkdirSync(inTheWay, { recursive: true });
    const first = await refusedStart(rig);
    assertRefused(first, /agent\.sock/);
    assert.equal(first.code, 1);
    await until(
      () => processesOf(rig.root).length === 0,
      () => `still running: ${processesOf(rig.root)}`,
    );
    rmSync(join(rig.data, 'run', 'agent.sock'), { recursive: true });
    await rig.start();
    await rig.live(rig.commit({ name: 'first' }));
    const pid = pidOf(await rig.status());
    await rig.kill();
    rmSync(join(rig.data, 'run', 'agent.sock'));
    mkdirSync(inTheWay, { recursive: true });
    assertRefused(await refusedStart(rig), /agent\.sock/);
    assert.equal((await rig.visit()).body, 'first\n');
    rmSync(join(rig.data, 'run', 'agent.sock'), { recursive: true });
    await rig.start();
    assert.equal(pidOf(await rig.status()), pid);
  });

  test('the port of another app of this machine: both parties named', async (t) => {
    const rig = await openRig(t);
    const [apiPort] = await freePorts(1);
    const other = { '--app': 'blog', '--data': join(rig.root, 'blog'), '--port': String(apiPort) };
    assertRefused(await refusedStart(rig, other), new RegExp(`\\b${rig.port}\\b`), /shop/, /blog/);
    await rig.live(rig.commit({ name: 'still here' }));
    assert.equal((await rig.visit()).body, 'still here\n');
  });

  test('a second orchestrator on the same data directory', async (t) => {
    const rig = await openRig(t);
    await rig.live(rig.commit({ name: 'first' }));
    const [apiPort] = await freePorts(1);
    assertRefused(await refusedStart(rig, { '--port': String(apiPort) }), /running already/, new RegExp(String(rig.pid())));
    // Also when the file that names the process is gone: the lock holds.
    writeFileSync(join(rig.data, 'run', 'orchestrator.json'), 'nonsense');
    assertRefused(await refusedStart(rig, { '--port': String(apiPort) }), /Another orchestrator is at work on/, /greenroom status/);
    assert.equal((await rig.visit()).body, 'first\n');
    assert.equal((await rig.status()).healthy, true);
  });

  test('data directories that cannot be used', async (t) => {
    const rig = await prepareRig(t);
    const long = join(rig.root, 'x'.repeat(120));
    assertRefused(await refusedStart(rig, { '--data': long }), /too long/, /shorter --data/);
    assert.ok(!existsSync(long), 'refused before anything of it is made');
    const file = join(rig.root, 'file');
    writeFileSync(file, 'in the way');
    assertRefused(await refusedStart(rig, { '--data': file }), new RegExp(file));
    assertRefused(await refusedStart(rig, { '--data': join(file, 'below') }), new RegExp(file));
    assert.equal(readFileSync(file, 'utf8'), 'in the way');
    // The name is not taken by those: with the right directory it starts.
    await rig.start();
  });
});

test('secrets: an open file is refused, missing ones are named, and values reach the app only', async (t: TestContext) => {
  const rig = await prepareRig(t, {
    contract: { secrets_inject: ['API_KEY', 'SESSION_SECRET', 'DATABASE_URL'] },
    env: { DATABASE_URL: 'from-here' },
  });
  const secrets = join(rig.data, 'secrets.env');
  mkdirSync(rig.data);
  writeFileSync(secrets, 'API_KEY=k-123\nUNASKED=1\n');
  chmodSync(secrets, 0o644);
  const refused = await refusedStart(rig);
  assertRefused(refused, /secrets\.env has mode 0644/, /chmod 600/);
  assert.doesNotMatch(refused.output, /k-123/);
  chmodSync(secrets, 0o600);
  await rig.start();
  assert.match(readFileSync(rig.logFile, 'utf8'), /Not set: SESSION_SECRET\. /);
  await rig.live(rig.commit());
  const seen = JSON.parse((await rig.visit('/env')).body);
  assert.deepEqual([seen.API_KEY, seen.DATABASE_URL, seen.SESSION_SECRET, seen.UNASKED], ['k-123', 'from-here', undefined, undefined]);
  // Opened to others while it runs: the next deploy is refused, the live release stays.
  chmodSync(secrets, 0o640);
  await rig.refused({ commit: rig.commit({ name: 'next' }) }, { code: 'secrets_unavailable', step: 'boot', error: /mode 0640/ });
  const answers = JSON.stringify(await rig.client.deploys());
  assert.doesNotMatch(answers + readFileSync(rig.logFile, 'utf8') + readFileSync(join(rig.data, 'journal.jsonl'), 'utf8'), /k-123/);
});

for (const mask of [0o000, 0o777]) {
  test(`started under umask ${mask.toString(8)}, the owner can use everything and others can write nothing`, async (t) => {
    const before = process.umask();
    const rig = await prepareRig(t);
    try {
      process.umask(mask);
      await rig.start();
    } finally {
      process.umask(before);
    }
    await rig.live(rig.commit());
    const wrong = readdirSync(rig.data, { recursive: true, withFileTypes: true })
      .filter((it) => !it.isSymbolicLink())
      .map((it) => join(it.parentPath, it.name))
      .filter((path) => {
        // Git's own locks come and go meanwhile.
        const found = statSync(path, { throwIfNoEntry: false });
        return found !== undefined && (found.mode & 0o402) !== 0o400;
      });
    assert.deepEqual(wrong, []);
  });
}

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFile, copyFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Status } from '@greenroom/sdk/wire';
import { renderReference } from '../../src/cli/reference.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { readBootId, readStat } from '../../src/proc.ts';
import { attempt, COMMIT, createFake, createMachine, MAIN, status, step } from './support.ts';

test('wrong words: exit code 2, the flag and the nearest one are named', async (t) => {
  const machine = await createMachine(t);
  const cases: [string[], RegExp][] = [
    [['depoly'], /no command `depoly`.*`deploy`/],
    [['deploy', '--jsno'], /--jsno, did you mean --json/],
    [['deploy', '--trigger', 'manul'], /manul.*manual/],
    [['start', '--port', '70000'], /--port: "70000" cannot be used; it must be a whole number from 1 to 65535/],
    [['deploy', 'abc', '--branch', 'main'], /a commit or --branch, not both/],
    [['completion', 'tcsh'], /SHELL: "tcsh" cannot be used; it must be one of: bash, zsh, fish/],
    [['start', '--contract', 'none.json'], /contract .*none\.json does not exist/],
    [['init', 'nowhere'], /There is no folder .*nowhere/],
  ];
  for (const [args, message] of cases) {
    const ran = await machine.greenroom(args);
    assert.equal(ran.code, 2, `${args.join(' ')}: ${ran.stderr}`);
    assert.match(ran.stderr, message);
    assert.doesNotMatch(ran.stderr, /\n {4}at /);
  }
});

test('an orchestrator that does not run is exit code 3, an app that is not there is 4; both in JSON too', async (t) => {
  const machine = await createMachine(t);
  const away = await machine.greenroom(['status']);
  assert.equal(away.code, 3);
  assert.match(away.stderr, /The orchestrator of "shop" is not running.*greenroom start --app shop/);
  const lost = await machine.greenroom(['deploy', '--app', 'shap', '--json'], { cwd: '/' });
  assert.equal(lost.code, 4);
  assert.equal((JSON.parse(lost.stdout) as { code: string }).code, 'app_not_found');
  // A socket that a killed orchestrator left behind.
  const socket = layoutOf(machine.app.data).operatorSocket;
  const child = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]);
  await new Promise((resolve) => child.on('exit', resolve));
  const dead = await machine.greenroom(['deploy']);
  assert.equal(dead.code, 3, dead.stderr);
  assert.match(dead.stderr, /No orchestrator is running here/);
});

test('status and log read well, and text of commits cannot act on the terminal', async (t) => {
  const machine = await createMachine(t);
  const failed = attempt({
    id: 'd-2',
    status: 'failed',
    code: 'gate_secret',
    step: 'gate',
    error: 'no',
    steps: [step('gate', { status: 'failed', code: 'gate_secret' })],
  });
  await createFake(t, machine.app, (call) => {
    if (call === 'GET /status')
      return { status: 200, body: status({ healthy: false, restart: { attempt: 2, at: '12:00', last_exit: 'exited with code 1' } }) };
    if (call === 'GET /deploys?limit=20') return { status: 200, body: [failed, ...status().deploys] };
    return call === 'GET /deploys/d-2' ? { status: 200, body: failed } : undefined;
  });
  const shown = await machine.greenroom(['status']);
  assert.match(shown.stdout, /live +1a2b3c4d5e in slot a/);
  assert.match(shown.stdout, /healthy +no; restart 2 at 12:00, the instance exited with code 1/);
  assert.match(shown.stdout, /✓ d-1 .*succeeded.*new footer/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
  assert.doesNotMatch(shown.stdout, /[\u0007\u001b]/);
  assert.equal((JSON.parse((await machine.greenroom(['status', '--json'])).stdout) as Status).live_commit, COMMIT);
  const list = await machine.greenroom(['log']);
  assert.match(list.stdout, /^✗ d-2 .*gate: gate_secret\n✓ d-1 /);
  assert.match((await machine.greenroom(['log', 'd-2'])).stdout, /✗ gate +gate_secret/);
  const unknown = await machine.greenroom(['log', 'd-9']);
  assert.deepEqual([unknown.code, unknown.stdout], [1, '']);
});

test('log --verify needs no orchestrator and fails on a changed record', async (t) => {
  const machine = await createMachine(t);
  await writeFile(layoutOf(machine.app.data).journal, '{"seq":1,"time":"x","prev":"","type":"y","hash":"wrong"}\n');
  const ran = await machine.greenroom(['log', '--verify']);
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /journal\.jsonl/);
});

test('logs: the last lines, then what comes, over a rotation and a swap', async (t) => {
  const machine = await createMachine(t);
  const logs = layoutOf(machine.app.data).logs;
  await mkdir(logs, { recursive: true });
  const one = join(logs, 'i-1.log');
  await writeFile(one, 'old\nfirst \u001b[31mred\u001b[0m\n');
  assert.equal((await machine.greenroom(['logs', '-n', '1'])).stdout, 'first red\n');
  let live = 'i-1';
  await createFake(t, machine.app, (call) =>
    call === 'GET /status'
      ? { status: 200, body: status({ slots: [{ slot: 'a', directory: '/a', commit: COMMIT, role: 'live', instance: live, pid: 1 }] }) }
      : undefined,
  );
  const child = spawn(process.execPath, [MAIN, 'logs', '-f', '-n', '1'], {
    cwd: machine.repo,
    env: machine.env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => child.kill('SIGKILL'));
  let seen = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (seen += text));
  const until = async (text: string): Promise<void> => {
    const deadline = Date.now() + 10_000;
    while (!seen.includes(text)) {
      assert.ok(Date.now() < deadline, `no ${JSON.stringify(text)} in ${JSON.stringify(seen)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await until('first red\n');
  await appendFile(one, 'second\nlast before the cut\n');
  await copyFile(one, `${one}.1`);
  await truncate(one, 0);
  await appendFile(one, 'after\n');
  await until('after\n');
  await writeFile(join(logs, 'i-2.log'), 'the next instance\n');
  live = 'i-2';
  await until('the next instance\n');
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGINT');
  assert.equal(await ended, 0);
  assert.equal(seen, 'first red\nsecond\nlast before the cut\nafter\nthe next instance\n');
});

test('stop signals the process that the pid file means, waits for its end, and never another one', async (t) => {
  const machine = await createMachine(t);
  const { pidFile } = layoutOf(machine.app.data);
  const program = `process.on('SIGTERM', () => setTimeout(() => process.exit(), 200)); process.on('SIGUSR2', () => process.exit()); setInterval(() => {}, 1e6); console.log('ready')`;
  for (const flags of [[], ['--detach-app']]) {
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    const exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const pid = child.pid ?? 0;
    const record = { pid, start_ticks: (readStat(pid)?.startTicks ?? 0) + 1, boot_id: readBootId(), api_port: 9100 };
    await writeFile(pidFile, JSON.stringify(record));
    assert.match((await machine.greenroom(['stop', ...flags])).stdout, /is not running/);
    assert.equal(child.exitCode, null);
    await writeFile(pidFile, JSON.stringify({ ...record, start_ticks: record.start_ticks - 1 }));
    const ran = await machine.greenroom(['stop', ...flags, '--json']);
    assert.equal(await exited, 0);
    assert.equal((JSON.parse(ran.stdout) as { was_running: boolean }).was_running, true);
  }
});

test('doctor says what to do about each problem, and changes its mind when it is solved', async (t) => {
  const machine = await createMachine(t);
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '0.0.0.0', resolve));
  t.after(() => holder.close());
  const { port } = holder.address() as { port: number };
  const contract = { start_command: 'x', port, health_endpoint: '/', secrets_inject: ['SHOP_KEY'] };
  await writeFile(machine.app.contract, JSON.stringify(contract));
  const settings = join(machine.home, 'proxy', 'settings.json');
  await mkdir(join(machine.home, 'proxy'), { recursive: true });
  await writeFile(settings, '{"workers": 0}');
  const ill = await machine.greenroom(['doctor']);
  assert.equal(ill.code, 1, ill.stdout);
  assert.match(ill.stdout, /✗ proxy settings .*settings\.json: "workers" is 0, but must be .*\n +→ .*greenroom upgrade --proxy/);
  assert.match(ill.stdout, /✗ repository .*cannot be read/);
  assert.match(ill.stdout, new RegExp(`✗ port +${port} \\(public\\) is in use by another program\\n +→ Find it`));
  assert.match(ill.stdout, /! secrets +no value for SHOP_KEY\n +→ .*secrets\.env/);
  await new Promise((resolve) => holder.close(resolve));
  await rm(settings);
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'one'],
  ]) {
    assert.equal((await machine.run('git', args)).code, 0);
  }
  const well = await machine.greenroom(['doctor', '--json'], { env: { SHOP_KEY: 'x' } });
  const { findings } = JSON.parse(well.stdout) as { findings: { check: string; level: string; says: string }[] };
  assert.deepEqual(
    findings.filter(({ level, check, says }) => level !== 'ok' && check !== 'disk' && !says.includes('(API)')),
    [],
  );
  await writeFile(machine.app.contract, '{"port": 99999}');
  const invalid = await machine.greenroom(['doctor']);
  assert.equal(invalid.code, 1);
  assert.match(invalid.stdout, /✗ contract .*port.*99999/);
});

test('init writes a contract once, registers the app, and says what git needs', async (t) => {
  const machine = await createMachine(t);
  const folder = join(machine.home, '..', 'My Blog');
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), JSON.stringify({ scripts: { start: 'node server.js' } }));
  await writeFile(
    join(folder, 'server.js'),
    `require('http').createServer((q, r) => r.end(q.url === '/healthz' ? 'ok' : 'x')).listen(process.env.PORT);`,
  );
  const ran = await machine.greenroom(['init', '--port', '3456'], { cwd: folder });
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /registered "my-blog"[\s\S]*Next:\n.*cd '.*My Blog' && git init[\s\S]*greenroom start --app my-blog/);
  const file = join(machine.home, 'apps', 'my-blog', 'app.contract.json');
  const contract = JSON.parse(await readFile(file, 'utf8')) as { port: number; start_command: string };
  assert.deepEqual([contract.port, contract.start_command], [3456, 'node server.js']);
  const again = await machine.greenroom(['init', '--port', '4567', '--json'], { cwd: folder });
  assert.deepEqual([(JSON.parse(again.stdout) as { name: string; contract_written: boolean }).contract_written], [false]);
  assert.match(await readFile(file, 'utf8'), /3456/);
  const forced = await machine.greenroom(['init', '--port', '4567', '--force'], { cwd: folder });
  assert.equal(forced.code, 0, forced.stderr);
  assert.match(await readFile(file, 'utf8'), /4567/);
});

test('the guide shows the help of every command as it is', async () => {
  const guide = await readFile(join(import.meta.dirname, '../../../../docs/guides/cli.md'), 'utf8');
  assert.ok(guide.includes(renderReference().trim()), 'docs/guides/cli.md is stale');
});

test('schema prints JSON', async (t) => {
  const machine = await createMachine(t);
  const printed = JSON.parse((await machine.greenroom(['schema'])).stdout) as { required: string[] };
  assert.deepEqual(printed.required, ['start_command', 'port', 'health_endpoint']);
});

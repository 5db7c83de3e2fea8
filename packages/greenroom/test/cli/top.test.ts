import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { DashboardApp, DashboardLoad } from '@greenroom/sdk/dashboard';
import { appRows } from '../../src/cli/top/rows.ts';
import { screenLines } from '../../src/cli/top/screen.ts';
import { attempt, COMMIT, createFake, createMachine, MAIN, type Machine, status, step } from './support.ts';

const plainPaint = (_format: unknown, text: string): string => text;
const NOW = Date.parse('2026-01-01T00:01:00Z');

function app(name: string, changes: Partial<DashboardApp> = {}): DashboardApp {
  return {
    name,
    data: '/d',
    repo: '/r',
    addresses: [],
    ended: '',
    note: '',
    reach: 'up',
    problem: '',
    status: status({ app: name }),
    seen_at: '',
    ...changes,
  };
}

function load(name: string): DashboardLoad {
  const total = { requests: 1_000, errors: 1, p50_ms: 3, p99_ms: 20 };
  const traffic = { in_flight: 2, requests_per_second: 123.4, errors_per_second: 0.25, p50_ms: 3.21, p99_ms: 14.4, total };
  return {
    app: name,
    at: NOW,
    releases: [{ instance: 'i-1', commit: COMMIT, slot: 'a', role: 'live', memory_bytes: 54_321_000, cpu_percent: 3.25, traffic }],
    disk: null,
  };
}

test('each app is a line that is read without colour', () => {
  const apps = [
    app('blog', { reach: 'away', ended: 'stopped', problem: 'No orchestrator.' }),
    app('live', { status: status({ healthy: false }) }),
    app('shop', { status: status({ attempt: attempt({ steps: [step('gate'), step('probe', { status: 'running' })] }) }) }),
    app('wait', { status: status({ live_commit: '', live_slot: '', agent: { busy: true } }) }),
  ];
  const lines = appRows({ host: 'vm', apps, loads: [load('shop')] }, 'shop', plainPaint, 200);
  assert.deepEqual(
    lines.map((line) => line.trimEnd()),
    [
      '   NAME  STATE      LIVE          NOW                       REQ/S    P99  ERR/S  MEMORY   CPU',
      '   blog  stopped    1a2b3c4d5e a  -                             -      -      -       -     -',
      '   live  unhealthy  1a2b3c4d5e a  -                             -      -      -       -     -',
      '>  shop  live       1a2b3c4d5e a  deploy 1a2b3c4d5e: probe    123  14 ms    0.3   54 MB  3.3%',
      '   wait  idle       -             agent at work                 -      -      -       -     -',
    ],
  );
  for (const columns of [20, 60])
    for (const line of appRows({ host: 'vm', apps, loads: [] }, '', plainPaint, columns)) assert.ok([...line].length <= columns);
  const coloured = appRows(
    { host: 'vm', apps: [apps[1] ?? app('x')], loads: [] },
    '',
    (format, text) => `<${String(format)}>${text}</>`,
    200,
  );
  assert.match(coloured[1] ?? '', / live {2}<red>unhealthy<\/>/);
});

test('a screen is never higher or wider than the terminal, and the chosen app is in sight', () => {
  const apps = Array.from({ length: 50 }, (_, index) => app(`app-${String(index).padStart(2, '0')}`));
  for (const rows of [5, 10, 24, 60]) {
    for (const chosen of ['app-00', 'app-17', 'app-49']) {
      const lines = screenLines({ host: 'vm\u001b[2J', apps, loads: [] }, chosen, { columns: 70, rows }, plainPaint, NOW);
      assert.ok(lines.length <= rows, `${lines.length} lines of ${rows}`);
      assert.ok(lines.every((line) => [...line].length <= 70 && !line.includes('\u001b')));
      if (rows > 5)
        assert.ok(
          lines.some((line) => line.startsWith(`>  ${chosen}`)),
          `${chosen} at ${rows}`,
        );
    }
  }
  const [, , , , ...details] = screenLines(
    { host: 'vm', apps: apps.slice(0, 1), loads: [] },
    'app-00',
    { columns: 90, rows: 24 },
    plainPaint,
    NOW,
  );
  assert.match(details.join('\n'), /live +1a2b3c4d5e in slot a/);
});

test('printed once, as text and as JSON', async (t) => {
  const machine = await createMachine(t);
  const away = await machine.greenroom(['top', '--once']);
  assert.deepEqual([away.code, away.stderr], [0, '']);
  assert.match(away.stdout, /: 1 app\n +NAME +STATE[^\n]*\n +shop +never started +- /);
  await fake(t, machine);
  // No terminal: the same without asking for it.
  const text = await machine.greenroom(['top']);
  assert.match(text.stdout, / shop +live +1a2b3c4d5e a +- /);
  assert.ok(!text.stdout.includes('\u001b'));
  const { stdout } = await machine.greenroom(['top', '--once', '--json']);
  const answer = JSON.parse(stdout) as { apps: { name: string; live_commit: string; load: DashboardLoad }[] };
  assert.deepEqual([answer.apps[0]?.name, answer.apps[0]?.live_commit], ['shop', COMMIT]);
  const [live] = answer.apps[0]?.load.releases ?? [];
  assert.ok(live?.memory_bytes && live.memory_bytes > 1e6 && live.cpu_percent !== null, JSON.stringify(live));
});

test('on a terminal it is drawn in place; arrows choose, q leaves the terminal as it was', async (t) => {
  const machine = await createMachine(t);
  await fake(t, machine);
  const command = `stty cols 100 rows 20; exec '${process.execPath}' '${MAIN}' top`;
  const child = spawn('script', ['-qfec', command, '/dev/null'], {
    cwd: machine.repo,
    env: machine.env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const closed = once(child, 'close');
  let output = '';
  const shown = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not shown: ${pattern} in ${JSON.stringify(output)}`)), 15_000);
      const look = (): void => {
        if (!pattern.test(stripVTControlCharacters(output))) return;
        clearTimeout(timer);
        child.stdout.off('data', look);
        resolve();
      };
      child.stdout.on('data', look);
      look();
    });
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await shown(/> +shop +live +1a2b3c4d5e a[\s\S]*live +1a2b3c4d5e in slot a[\s\S]*q quits/);
  output = '';
  child.stdin.write('\u001b[B');
  await shown(/> +shop/);
  child.stdin.write('q');
  const [code] = await closed;
  assert.equal(code, 0);
  assert.ok(output.endsWith('\u001b[?25h\u001b[?1049l'), JSON.stringify(output.slice(-40)));
});

async function fake(t: TestContext, { app: registered }: Machine): Promise<void> {
  const slots = [{ slot: 'a' as const, directory: '/a', commit: COMMIT, role: 'live' as const, instance: 'i-1', pid: process.pid }];
  await createFake(t, registered, (call) => (call === 'GET /status' ? { status: 200, body: status({ slots }) } : undefined));
}

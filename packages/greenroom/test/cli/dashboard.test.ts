import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { ask } from '../e2e/ask.ts';
import { createMachine, MAIN } from './support.ts';

test('the dashboard prints a link, once more for whoever asks again, and leaves nothing when it is stopped', async (t) => {
  const machine = await createMachine(t);
  const running: ChildProcess[] = [];
  t.after(() => {
    for (const child of running) child.kill('SIGKILL');
  });
  const start = async (...args: string[]): Promise<{ child: ChildProcess; url: URL }> => {
    const child = spawn(process.execPath, [MAIN, 'dashboard', '--port', '0', ...args], {
      env: machine.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running.push(child);
    let text = '';
    for await (const line of createInterface({ input: child.stdout })) {
      text += `${line}\n`;
      if (line.includes('#token=')) break;
    }
    assert.match(text, /^The dashboard is ready on port \d+\. Open it within 10 minutes:\n {2}http/);
    return { child, url: new URL(text.split('\n')[1]?.trim() ?? '') };
  };
  const login = (url: URL): Promise<{ status: number }> =>
    ask({
      port: Number(url.port),
      method: 'POST',
      path: '/api/login',
      headers: { 'content-type': 'application/json' },
      body: { token: url.hash.replace('#token=', '') },
    });

  const first = await start();
  const file = join(machine.home, 'dashboard', 'run.json');
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await stat(join(machine.home, 'dashboard'))).mode & 0o777, 0o700);
  assert.equal((await login(first.url)).status, 200);
  assert.equal((await login(first.url)).status, 401);

  // A browser that only writes down where it was sent.
  const browser = join(machine.home, 'browser');
  const opened = join(machine.home, 'opened');
  await writeFile(browser, `#!/bin/sh\nprintf %s "$1" > '${opened}.new' && mv '${opened}.new' '${opened}'\n`);
  await chmod(browser, 0o755);
  const again = await machine.greenroom(['dashboard', '--open', '--json'], { env: { BROWSER: browser } });
  const answer = JSON.parse(again.stdout) as { url: string; opened: boolean };
  assert.deepEqual([again.code, answer.opened, new URL(answer.url).port], [0, true, first.url.port]);
  for (const deadline = Date.now() + 10_000; ; await new Promise((resolve) => setTimeout(resolve, 10))) {
    const text = await readFile(opened, 'utf8').catch(() => '');
    if (text === answer.url) break;
    assert.ok(Date.now() < deadline, `opened ${text}`);
  }
  assert.equal((await login(new URL(answer.url))).status, 200);
  const { url: unusedLink } = JSON.parse((await machine.greenroom(['dashboard', '--json'])).stdout) as { url: string };
  const other = await machine.greenroom(['dashboard', '--port', '1']);
  assert.equal(other.code, 1);
  assert.match(other.stderr, /runs on port \d+ already/);

  // Killed, it leaves its file; that is no dashboard, and its links are worth nothing to the next one.
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const unused = new URL(unusedLink);
  const second = await start();
  unused.port = second.url.port;
  assert.equal((await login(unused)).status, 401);
  assert.equal((await login(second.url)).status, 200);
  second.child.kill('SIGTERM');
  const [code] = await once(second.child, 'exit');
  assert.equal(code, 0);
  await assert.rejects(stat(file), { code: 'ENOENT' });
});

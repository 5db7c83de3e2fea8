import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../bench/harness/ports.ts';
import { npm, runOrThrow } from './run.ts';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;

/** Installs the tarballs into an empty folder, without the repository, and uses what a user would: both commands and the SDK's types. */
export async function verifyPackages(tarballs: string[], version: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'gr-v-'));
  const install = join(folder, 'install');
  const app = join(folder, 'app');
  const home = join(folder, 'home');
  const env = { ...process.env, GREENROOM_HOME: home, NO_COLOR: '1' };
  const command = (name: string, ...args: string[]): Promise<string> =>
    runOrThrow(join(install, 'node_modules', '.bin', name), args, app, { env });
  const greenroom = (...args: string[]): Promise<string> => command('greenroom', ...args);
  let orchestrator: ChildProcess | undefined;
  try {
    await mkdir(install);
    await writeFile(join(install, 'package.json'), '{ "private": true, "type": "module" }\n');
    await step('install the tarballs', () =>
      npm(['install', '--omit=dev', ...tarballs], install, { env: { ...env, npm_config_omit_lockfile_registry_resolved: 'false' } }),
    );
    await mkdir(app);
    const commits = [await commit(app, 'one'), await commit(app, 'two')];

    await step('greenroom --version', async () => assert.ok((await greenroom('--version')).includes(version)));
    await step('the SDK imports', () =>
      runOrThrow(
        process.execPath,
        ['--input-type=module', '-e', "await import('@greenroom/sdk/client'); await import('@greenroom/sdk/wire');"],
        install,
      ),
    );
    await step('the chat element and the dashboard are there', async () => {
      const assets = join(install, 'node_modules', 'greenroom', 'dist', 'ui-files.js');
      const look = `const { openAssets } = await import(${JSON.stringify(assets)}); console.log(openAssets('chat').get('chat.js').body.toString(), openAssets('dashboard').get('dashboard.js').body.toString());`;
      assert.match(
        await runOrThrow(process.execPath, ['--input-type=module', '-e', look], install),
        /element\.js[\s\S]*dashboard\/page\.js/,
      );
    });
    await step('greenroom-conformance --list', async () => assert.match(await command('greenroom-conformance', '--list'), /START-1/));

    const [port = 0, apiPort = 0] = await freePorts(2);
    await step('greenroom init', () => greenroom('init', '--app', 'packed', '--port', String(port)));
    await step('greenroom start', async () => {
      const child = spawn(join(install, 'node_modules', '.bin', 'greenroom'), ['start', '--port', String(apiPort)], {
        cwd: app,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      orchestrator = child;
      await ready(child, `http://127.0.0.1:${apiPort}/`);
    });
    for (const [index, id] of commits.entries()) {
      await step(`greenroom deploy, version ${index + 1}`, () => greenroom('deploy', id));
      assert.equal(await body(port), `version ${index === 0 ? 'one' : 'two'}`);
    }
    await step('greenroom rollback', () => greenroom('rollback'));
    assert.equal(await body(port), 'version one');
    await step('greenroom log --verify', () => greenroom('log', '--verify'));
    await step('greenroom stop', () => greenroom('stop'));
    await assert.rejects(body(port), 'the port is free after a stop');
  } finally {
    await end(orchestrator);
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** A version of a small app without dependencies, as a commit; answers its id. */
async function commit(app: string, version: string): Promise<string> {
  const git = (...args: string[]): Promise<string> =>
    runOrThrow('git', ['-c', 'user.name=Packed', '-c', 'user.email=packed@example.org', ...args], app);
  if (version === 'one') await git('init', '--quiet', '--initial-branch=main');
  await writeFile(
    join(app, 'package.json'),
    `${JSON.stringify({ name: 'packed', private: true, scripts: { start: 'node server.cjs' } })}\n`,
  );
  await writeFile(
    join(app, 'server.cjs'),
    `const server = require('node:http').createServer((request, response) => response.end(request.url === '/healthz' ? 'ok' : 'version ${version}'));
server.listen(Number(process.env.PORT));
process.on('SIGTERM', () => server.close());
`,
  );
  await git('add', '--all');
  await git('commit', '--quiet', '--message', `Version ${version}`);
  return (await git('rev-parse', 'HEAD')).trim();
}

async function body(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
  return response.text();
}

/** Waits until the address answers; fails with the process's output when it ends first. */
async function ready(child: ChildProcess, address: string): Promise<void> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (output += text.toString()));
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    if (
      await fetch(address).then(
        (response) => response.ok,
        () => false,
      )
    )
      return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`greenroom start did not get ready:\n${output}`);
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await gone;
  clearTimeout(timer);
}

async function step<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  const started = performance.now();
  try {
    const result = await work();
    console.log(`✓ ${name}  ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return result;
  } catch (error) {
    console.log(`✖ ${name}`);
    throw error;
  }
}

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { freePorts } from '../../../../bench/harness/ports.ts';
import { commitFiles, initRepo } from '../../../../bench/harness/repo.ts';
import { createClient, type GreenroomClient } from '../../../sdk/src/client.ts';
import { type Layout, layoutOf } from '../../src/orchestrator/layout.ts';
import { type Machine, openMachine, type RunOptions } from './machine.ts';

/** Answers who it is, keeps a file in the shared folder, and is asked for its health by a socket. */
const SERVER = `
const { appendFileSync, readFileSync } = require('node:fs');
const http = require('node:http');
const server = http.createServer((request, response) => {
  if (request.url === '/write') appendFileSync('files/visits', 'x');
  const said = { uid: process.getuid(), groups: process.getgroups(), home: process.env.HOME, made: readFileSync('made', 'utf8').trim() };
  response.end(request.url === '/healthz' ? 'ok' : JSON.stringify(said));
});
server.listen(process.env.PORT, '127.0.0.1');
process.umask(0o117);
const internal = http.createServer((request, response) => response.end('ok')).listen(process.env.INTERNAL_SOCKET);
process.on('SIGTERM', () => internal.close(() => server.close(() => process.exit(0))));
`;

export interface IsolatedApp {
  machine: Machine;
  layout: Layout;
  client: GreenroomClient;
  port: number;
  contractFile: string;
  /** Starts the orchestrator and answers when it is ready; as root by default, or as another user with the rights of a service. */
  start(user?: string): Promise<Orchestrator>;
  visit(path?: string): Promise<Record<string, unknown>>;
  commit(files: Record<string, string>): string;
}

export interface Orchestrator {
  /** All that it said. */
  output(): string;
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** An app "shop" on a machine of its own, registered and not isolated yet. */
export async function prepareApp(t: TestContext, contract: (folder: string) => Record<string, unknown> = () => ({})): Promise<IsolatedApp> {
  const machine = await openMachine(t);
  const repo = join(machine.folder, 'repo');
  mkdirSync(repo);
  initRepo(repo);
  commitFiles(repo, { 'server.cjs': SERVER }, 'Begin');
  const [port = 0, apiPort = 0] = await freePorts(2);
  const data = join(machine.home, 'apps', 'shop');
  const contractFile = join(machine.folder, 'shop.contract.json');
  writeFileSync(
    contractFile,
    JSON.stringify({
      start_command: 'node server.cjs',
      setup_command: 'id -u > made',
      port,
      internal_socket: layoutOf(data).internalSocket,
      health_endpoint: '/healthz',
      shared_paths: ['files/'],
      drain_timeout_ms: 2_000,
      watch_ms: 0,
      ...contract(machine.folder),
    }),
  );
  chmodSync(contractFile, 0o644);
  const where = ['--contract', contractFile, '--repo', repo, '--data', data, '--app', 'shop', '--port', String(apiPort)];
  await machine.must(machine.command[0], [machine.command[1], 'init', repo, '--app', 'shop', '--contract', contractFile]);
  const client = createClient({ socket: layoutOf(data).operatorSocket });
  return {
    machine,
    layout: layoutOf(data),
    client,
    port,
    contractFile,
    start: (user) => startOrchestrator(machine, where, client, user === undefined ? {} : { user, capable: true }),
    async visit(path = '/') {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return (await answer.json()) as Record<string, unknown>;
    },
    commit: (files) => commitFiles(repo, files, 'Change'),
  };
}

async function startOrchestrator(machine: Machine, where: string[], client: GreenroomClient, options: RunOptions): Promise<Orchestrator> {
  const child = machine.start(machine.command[0], [machine.command[1], 'start', ...where], options);
  let output = '';
  const ended = once(child, 'exit');
  const ready = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      output += `${line}\n`;
      if (/\bready\b/i.test(line)) ready.resolve();
    });
  await Promise.race([ready.promise, ended.then(() => assert.fail(`the orchestrator did not start:\n${output}`))]);
  assert.ok(await client.ready(), output);
  const pid = Number(
    await machine.must('sh', [
      '-c',
      'sed "s/.*\\"pid\\":\\([0-9]*\\).*/\\1/" "$1"',
      'sh',
      join(machine.home, 'apps/shop/run/orchestrator.json'),
    ]),
  );
  return {
    output: () => output,
    async end(signal) {
      await machine.must('kill', [`-${signal}`, String(pid)]);
      await ended;
    },
  };
}

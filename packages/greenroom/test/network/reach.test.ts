import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { processesOf } from '../../../../bench/harness/leftovers.ts';
import { freePorts } from '../../../../bench/harness/ports.ts';
import { chatCommand } from '../agent/chat/service.ts';
import { openRig, type Rig } from '../e2e/rig.ts';
import { addOtherMachine, type OtherMachine } from './other-machine.ts';
import { listeningPorts } from './sockets.ts';

const CLI = join(import.meta.dirname, '../../src/cli/main.ts');

test('of all that listens, another machine reaches the public port and nothing else', async (t) => {
  const other = addOtherMachine();
  if (typeof other === 'string') return t.skip(other);
  t.after(other.remove);
  const [open = 0, chatPort = 0, webhookPort = 0] = await freePorts(3);
  const rig = await openRig(t, {
    contract: { agent: { command: '/nowhere/agent' } },
    env: {
      GREENROOM_WEBHOOK_SECRET: 'a secret that is long enough',
      GREENROOM_WEBHOOK_PORT: String(webhookPort),
      GREENROOM_WEBHOOK_REPOSITORY: 'acme/shop',
    },
  });
  const chat = await chatCommand(t, rig).start(['--port', String(chatPort), '--no-login']);
  const dashboard = await startDashboard(rig);
  try {
    await rig.live(rig.commit({ name: 'shop' }));
    const { PORT, INTERNAL_PORT } = JSON.parse((await rig.visit('/env')).body) as Record<string, string>;
    const inside = {
      'the app itself': Number(PORT),
      'its internal routes': Number(INTERNAL_PORT),
      internal_port: rig.internalPort,
      API: rig.apiPort,
      chat: chatPort,
      webhook: webhookPort,
      dashboard: dashboard.port,
    };
    await check(rig, other, inside, rig.port);

    // With routes the app's own port is for this machine, too.
    await routeAt(rig, open);
    await check(rig, other, { ...inside, port: rig.port }, open);
  } finally {
    await dashboard.stop();
    await chat.kill('SIGTERM');
  }
});

async function check(rig: Rig, other: OtherMachine, inside: Record<string, number>, open: number): Promise<void> {
  const found = listeningPorts(processesOf(rig.root));
  const wanted = [...Object.values(inside), open].sort();
  assert.deepEqual([...found.keys()].sort(), wanted, JSON.stringify([inside, ...found]));
  for (const [name, port] of Object.entries(inside)) assert.ok(await isTaken(port), `${name}: nobody listens on this machine`);
  const reached = await other.reach([...found.keys()]);
  assert.deepEqual(reached, other.addresses.map((address) => `${address} ${open}`).sort());
  for (const address of other.addresses) assert.equal(await other.visit(address, open), 'shop\n');
}

/** Starts the orchestrator again with a route in the contract. */
async function routeAt(rig: Rig, open: number): Promise<void> {
  await rig.end('SIGUSR2');
  const contract = JSON.parse(readFileSync(rig.contractFile, 'utf8')) as object;
  writeFileSync(rig.contractFile, JSON.stringify({ ...contract, routes: [{ port: open }] }));
  await rig.start();
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function startDashboard({ home, root }: Rig): Promise<{ port: number; stop(): Promise<void> }> {
  const { PATH = '' } = process.env;
  const env = { PATH, HOME: root, GREENROOM_HOME: home };
  const child = spawn(process.execPath, [CLI, 'dashboard', '--port', '0', '--json'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    port: (JSON.parse(line) as { port: number }).port,
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { createClient } from '@greenroom/sdk/client';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { prepareRig, type Rig, until } from '../e2e/rig.ts';
import { AGENT, APP, findable, plant } from './planted.ts';

const NAMES = ['API_KEY', 'DATABASE_URL', 'SIGNING_KEY'];

test('after a whole session no planted value is in any file, answer, alert, terminal output or process but those that it is for', {
  timeout: 240_000,
}, async (t) => {
  const alerts = await receiver(t);
  const rig = await prepareRig(t, {
    contract: {
      start_command: 'node app.cjs',
      health_test_payload: { path: '/deep' },
      secrets_inject: NAMES,
      alert_webhook: alerts.url,
      alert_after_failures: 1,
    },
    prepare(root) {
      writeFileSync(join(root, 'agent.cjs'), AGENT);
      const file = join(root, 'app.contract.json');
      const contract = JSON.parse(readFileSync(file, 'utf8')) as object;
      const agent = { command: `node ${join(root, 'agent.cjs')}`, secrets: ['AGENT_KEY'], permissions: 'allow' };
      writeFileSync(file, JSON.stringify({ ...contract, agent }));
    },
  });
  const layout = layoutOf(rig.data);
  const operator = createClient({ socket: layout.operatorSocket });
  const [old, fresh] = [plant(), plant()];
  const seen = new Map<string, string>();
  const tell = async (name: string, ...args: string[]): Promise<void> => void seen.set(name, (await rig.cli(args)).output);
  const provide = (secrets: { text: string }): void => writeFileSync(layout.secrets, secrets.text, { mode: 0o600 });
  const version = (behaviour: object): string => rig.commit({}, { 'app.cjs': APP, 'planted.json': JSON.stringify(behaviour) });
  const served = async (): Promise<string> => (await rig.visit()).body;
  const digest = ({ values }: { values: Record<string, string> }): string =>
    createHash('sha256')
      .update(values['API_KEY'] ?? '')
      .digest('hex');

  mkdirSync(rig.data, { mode: 0o700 });
  provide(old);
  await rig.start();
  const following = followLogs(rig);
  await operator.deploy({ commit: version({ version: 1 }), reason: `uses ${old.values['API_KEY']}` });
  await operator.deploy({ commit: version({ version: 2 }), reason: 'another' });
  assert.equal(await served(), digest(old));
  for (const [name, behaviour] of [
    ['exits', { exits: true }],
    ['deep', { deep: true }],
  ] as const) {
    const refused = await operator.deploy({ commit: version({ version: name, ...behaviour }) });
    assert.equal(refused.success, false);
    seen.set(`refusal ${name}`, JSON.stringify(refused));
    if ('id' in refused) await tell(`log ${name}`, 'log', refused.id ?? '');
  }
  await tell('agent', 'agent', 'say what you know');
  await tell('conversations', 'conversations');
  await rig.visit('/print');
  expectNone('processes', processes(), old.values);

  provide(fresh);
  await tell('restart', 'restart', '--reason', 'rotation');
  assert.equal(await served(), digest(fresh), 'the fresh instance has the old secret');
  await rig.kill();
  await rig.start();
  await rig.visit('/print');
  await tell('restart as JSON', 'restart', '--json');
  await tell('rollback', 'rollback');
  assert.equal(await served(), digest(fresh));
  for (const command of ['status', 'log', 'logs', 'doctor']) await tell(command, command);
  await tell('status as JSON', 'status', '--json');
  for (const path of ['/status', '/deploys', '/logs?lines=1000', '/metrics']) seen.set(path, (await rig.api('GET', path)).body);
  for (const { id } of await operator.deploys()) {
    seen.set(`diff ${id}`, JSON.stringify(await operator.diff(id)));
    seen.set(`events of ${id}`, JSON.stringify(await operator.attempt(id)));
  }
  await until(
    () => alerts.bodies.length > 1,
    () => `alerts: ${alerts.bodies.length}`,
  );
  seen.set('logs --follow', await following.end());
  seen.set('alerts', alerts.bodies.join('\n'));
  for (const name of ['refusal exits', 'log exits', 'alerts', 'agent', 'logs', '/logs?lines=1000']) {
    assert.match(seen.get(name) ?? '', /\[hidden\]|\*{8}/, `${name} says nothing that could have held a secret`);
  }
  const values = Object.fromEntries(
    [old, fresh].flatMap((each, index) => Object.entries(each.values).map(([name, value]) => [`${name}${index}`, value])),
  );
  expectNone('processes', processes(), values);
  await rig.stop();
  expectNone('what was answered', seen, values);
  const files = filesBelow(rig.root).filter((file) => file !== layout.secrets);
  expectNone('files', new Map(files.map((file) => [file, readFileSync(file, 'latin1')])), values);
});

function expectNone(what: string, places: ReadonlyMap<string, string>, values: Readonly<Record<string, string>>): void {
  assert.ok(places.size > 0, `no ${what}`);
  const forms = findable(values);
  const finds = [...places].flatMap(([place, content]) => {
    const found = forms.find((form) => content.includes(form) || content.includes(Buffer.from(form, 'latin1').toString('utf8')));
    return found === undefined
      ? []
      : [`${place}: …${content.slice(Math.max(0, content.indexOf(found) - 60), content.indexOf(found) + 20)}`];
  });
  assert.deepEqual(finds, [], what);
}

/** Environment and command line of every process but the instances, and this one. */
function processes(): Map<string, string> {
  const found = new Map<string, string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const [environ, cmdline] = ['environ', 'cmdline'].map((name) => readProc(`/proc/${pid}/${name}`));
    found.set(`${pid} ${cmdline}`, environ?.includes('GREENROOM_INSTANCE=') ? (cmdline ?? '') : `${environ}\0${cmdline}`);
  }
  return found;
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error);
    return '';
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** `greenroom logs --follow` of whatever is live, over the API that it uses. */
function followLogs({ apiPort }: Rig): { end(): Promise<string> } {
  const abort = new AbortController();
  const said: string[] = [];
  const client = createClient({ port: apiPort });
  const done = (async () => {
    for (;;) {
      try {
        for await (const event of client.followLogs({ signal: abort.signal })) said.push(JSON.stringify(event));
      } catch (error) {
        if (!(error instanceof Error)) throw error;
      }
      if (abort.signal.aborted) return said.join('\n');
      // The orchestrator is killed in between.
      await until(
        () => client.ready(),
        () => 'the orchestrator is gone',
      );
    }
  })();
  return {
    end() {
      abort.abort();
      return done;
    },
  };
}

async function receiver(t: TestContext): Promise<{ url: string; bodies: string[] }> {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    bodies.push(await text(request));
    response.end('ok');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`, bodies };
}

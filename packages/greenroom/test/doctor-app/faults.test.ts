import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { AppQuestions } from '../../src/app-doctor/examine.ts';
import type { AppCheck, AppFinding } from '../../src/app-doctor/finding.ts';
import { createPatient } from './rig.ts';

interface Fault {
  app: string;
  finds: { check: AppCheck; level: 'warn' | 'fail'; says: RegExp; evidence?: RegExp };
  contract?: Record<string, unknown>;
  asked?: Partial<AppQuestions>;
}

const WITH_DATABASE = { secrets_inject: ['DATABASE_URL', 'SESSION_SECRET'] };

const FAULTS: Fault[] = [
  {
    app: 'memory-session',
    finds: { check: 'session', level: 'fail', says: /unknown to the other/, evidence: /keeps "sid", the second one gives another/ },
  },
  {
    app: 'memory-sign-in',
    asked: { signIn: { path: '/login', body: 'name=ann' } },
    finds: { check: 'session', level: 'fail', says: /unknown to the other/, evidence: /first instance answers 200, the second one 401/ },
  },
  {
    app: 'memory-counter',
    finds: { check: 'memory', level: 'warn', says: /begins anew/, evidence: /visitor 1", after 3 more "You are visitor 4"/ },
  },
  { app: 'writes-files', finds: { check: 'files', level: 'fail', says: /1 file\(s\)/, evidence: /^\+ visits\.txt$/ } },
  { app: 'writes-ignored', finds: { check: 'files', level: 'warn', says: /git ignores/, evidence: /^\+ debug\.log$/ } },
  {
    app: 'ignores-port',
    contract: { health_timeout_ms: 700 },
    finds: { check: 'port', level: 'fail', says: /listens on port \d+ whatever PORT says/ },
  },
  { app: 'second-port', finds: { check: 'port', level: 'fail', says: /second instance cannot run/, evidence: /EADDRINUSE/ } },
  {
    app: 'ignores-sigterm',
    contract: { drain_timeout_ms: 1_000 },
    finds: { check: 'stop', level: 'fail', says: /still ran 1000 ms after SIGTERM/ },
  },
  { app: 'no-handler', finds: { check: 'stop', level: 'fail', says: /is cut/, evidence: /ended by SIGTERM/ } },
  { app: 'cuts-requests', finds: { check: 'stop', level: 'fail', says: /is cut/, evidence: /^GET \/(?:, .*)?: the connection was/ } },
  { app: 'holds-idle', finds: { check: 'idle', level: 'warn', says: /waits for connections that are idle/ } },
  { app: 'lazy', finds: { check: 'first', level: 'warn', says: /first request waits/, evidence: /^GET \/$/ } },
  {
    app: 'shallow-health',
    contract: WITH_DATABASE,
    finds: { check: 'health', level: 'warn', says: /DATABASE_URL led nowhere, and \/healthz answered/ },
  },
  { app: 'orphan', finds: { check: 'orphans', level: 'fail', says: /left 1 process/, evidence: /sleep 300/ } },
  { app: 'exits', finds: { check: 'boot', level: 'fail', says: /does not come up/, evidence: /no licence file/ } },
];

const amiss = (findings: AppFinding[]): AppFinding[] => findings.filter(({ level }) => level !== 'ok');

describe('each planted fault is found, and nothing else', { concurrency: 3 }, () => {
  for (const { app, finds, contract = {}, asked = {} } of FAULTS) {
    test(app, async (t) => {
      const patient = await createPatient(t, app, contract);
      const { findings } = await patient.examine(asked);
      const [found, ...others] = amiss(findings);
      assert.ok(found, JSON.stringify(findings, null, 2));
      assert.deepEqual(others, [], JSON.stringify(found));
      assert.deepEqual([found.check, found.level], [finds.check, finds.level]);
      assert.match(found.says, finds.says);
      if (finds.evidence)
        assert.ok(
          found.evidence?.some((line) => finds.evidence?.test(line)),
          JSON.stringify(found),
        );
      assert.ok(found.remedy, 'says what to do');
      assert.ok(!existsSync(patient.layout.doctor), 'its folder is removed');
    });
  }

  test('the good app has none, also when it is slow to answer', async (t) => {
    const patient = await createPatient(t, 'good', WITH_DATABASE);
    const { findings } = await patient.examine({ paths: ['/', '/slow'] });
    assert.deepEqual(amiss(findings), []);
    assert.deepEqual(
      findings.map(({ check }) => check),
      ['port', 'session', 'memory', 'first', 'stop', 'idle', 'orphans', 'files', 'health'],
    );
    assert.match(findings.find(({ check }) => check === 'session')?.says ?? '', /is known to the other/);
    assert.match(findings.find(({ check }) => check === 'health')?.says ?? '', /without DATABASE_URL the app is not taken for healthy/);
  });
});

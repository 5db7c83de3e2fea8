import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FAILURE_CODES } from '@greenroom/sdk/wire';
import { countTurn } from '../../src/agent/turn-counts.ts';
import { METRICS } from '../../src/orchestrator/api/metric-definitions.ts';
import * as schemas from '../../src/orchestrator/api/schemas.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { receiver } from '../alerts/support.ts';
import { prepareRig, type Rig, until } from '../e2e/rig.ts';
import { type CollectedSpan, startCollector } from './collector.ts';
import { checkLogLine } from './log-line.ts';
import { type Family, parsePrometheus, sampleOf } from './prometheus.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';

test('metrics, log and traces tell what was done, also after a kill -9', async (t) => {
  const alerts = await receiver(t);
  const contract = { alert_targets: [{ type: 'webhook', url: alerts.url }], alert_after_failures: 1 };
  const collector = await startCollector(t);
  const rig = await prepareRig(t, { contract, env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'deploys' } });
  await rig.start(['--json']);
  const one = rig.commit({ name: 'one' });
  await rig.live(one);
  await rig.refused({ commit: rig.commit({ exits: 'by itself' }) }, { code: 'boot_exited' });
  const two = rig.commit({ name: 'two' });
  const traced = await rig.client.deploy({ commit: two }, { traceparent: `00-${TRACE}-${CALLER}-01` });
  assert.ok(traced.success && 'id' in traced);
  await rig.client.rollback();
  await rig.client.deploy({ commit: 'f'.repeat(40) });
  assert.equal((await rig.cli(['reconcile'])).code, 0);
  const layout = layoutOf(rig.data);
  mkdirSync(layout.agent);
  const started_at = new Date(Date.now() - 20_000).toISOString();
  for (const status of ['completed', 'completed', 'failed'] as const)
    await countTurn(layout.agentTurns, { started_at }, status, assert.fail);
  await until(
    async () => sampleOf(await scrape(rig), 'greenroom_alert_deliveries_total', { outcome: 'delivered' }) === 3,
    () => 'the alerts were not counted: one failure, its end, another failure',
  );

  const families = await scrape(rig);
  const value = (name: string, labels = {}): number | undefined => sampleOf(families, name, labels);
  await t.test('what is live, and how it stands', async () => {
    assert.equal(value('greenroom_healthy'), 1);
    const { slots } = await rig.status();
    const live = slots.find(({ role }) => role === 'live');
    const labels = { app: 'shop', release: one.slice(0, 10), commit: one, slot: live?.slot ?? '', instance_id: live?.instance ?? '' };
    assert.equal(value('greenroom_live_info', labels), 1);
    assert.equal(value('greenroom_consecutive_failures'), 1);
    assert.equal(value('greenroom_drift', { name: 'deploys_failing' }), 1);
    assert.equal(value('greenroom_drift', { name: 'disk_pressure' }), 0);
    assert.equal(value('greenroom_reconcile_rounds_total', { outcome: 'completed' }), 1);
    assert.equal(value('greenroom_agent_branch_ahead_commits'), 0);
    const disk = value('greenroom_disk_used_ratio') ?? -1;
    assert.ok(disk > 0 && disk <= 1, String(disk));
    assert.equal(value('greenroom_journal_records'), (await rig.status()).journal.records);
  });

  await t.test('attempts, steps and swaps', () => {
    const manual = { trigger: 'manual' };
    assert.equal(value('greenroom_attempts_total', { ...manual, kind: 'deploy', outcome: 'succeeded' }), 2);
    assert.equal(value('greenroom_attempts_total', { ...manual, kind: 'deploy', outcome: 'failed' }), 2);
    assert.equal(value('greenroom_attempts_total', { ...manual, kind: 'rollback', outcome: 'succeeded' }), 1);
    assert.equal(value('greenroom_attempts_total', { trigger: 'agent', kind: 'rollback', outcome: 'failed' }), 0);
    for (const code of FAILURE_CODES) {
      const expected = code === 'boot_exited' || code === 'commit_not_found' ? 1 : 0;
      assert.equal(value('greenroom_attempt_failures_total', { kind: 'deploy', code }), expected, code);
    }
    assert.equal(value('greenroom_swap_duration_seconds_count'), 3);
    assert.equal(value('greenroom_attempt_duration_seconds_count', { kind: 'deploy', outcome: 'succeeded' }), 2);
    assert.equal(value('greenroom_step_duration_seconds_count', { step: 'promote', outcome: 'succeeded' }), 3);
    assert.equal(value('greenroom_step_duration_seconds_count', { step: 'resolve', outcome: 'failed' }), 1);
    const deploys = value('greenroom_attempt_duration_seconds_sum', { kind: 'deploy', outcome: 'succeeded' }) ?? 0;
    assert.ok(deploys > 0.01 && deploys < 60, `two deploys took ${deploys} s`);
  });

  await t.test('what passes through the proxy, by release', async () => {
    assert.equal(value('greenroom_proxy_up'), 1);
    const requests = (families: Map<string, Family>, release: string): number =>
      (families.get('greenroom_proxy_requests_total')?.samples ?? [])
        .filter(({ labels }) => labels['release'] === release.slice(0, 10) && labels['class'] === '2xx')
        .reduce((total, sample) => total + sample.value, 0);
    const [before, after] = [requests(families, one), requests(families, two)];
    for (let i = 0; i < 5; i++) assert.equal((await rig.visit()).status, 200);
    const now = await scrape(rig);
    assert.equal(requests(now, one), before + 5, 'those of the live release');
    assert.equal(requests(now, two), after, 'those of the release before it');
    assert.equal(sampleOf(now, 'greenroom_proxy_failures_total', { status: '504' }), 0);
    const traffic = schemas.traffic.strict().parse(await rig.client.traffic());
    assert.deepEqual(traffic.instances.map(({ commit }) => commit).slice(-2), [two, one]);
    const ofOne = traffic.instances.filter(({ commit }) => commit === one).map(({ answers }) => answers[1] ?? 0);
    assert.equal(
      ofOne.reduce((total, count) => total + count, 0),
      before + 5,
    );
    const instances = now.get('greenroom_proxy_streams')?.samples.map(({ labels }) => labels['instance_id']);
    assert.ok(instances?.length === 3, String(instances));
  });

  await t.test('alerts and turns of the agent', () => {
    assert.equal(value('greenroom_alerts_total', { kind: 'deploys_failing' }), 3);
    assert.equal(value('greenroom_alerts_waiting'), 0);
    assert.equal(value('greenroom_agent_turn_duration_seconds_count', { outcome: 'completed' }), 2);
    assert.equal(value('greenroom_agent_turn_duration_seconds_bucket', { outcome: 'completed', le: '10' }), 0);
    assert.equal(value('greenroom_agent_turn_duration_seconds_bucket', { outcome: 'completed', le: '30' }), 2);
    assert.equal(value('greenroom_agent_turn_running'), 0);
  });

  await t.test('every metric is defined, with these labels', () => {
    const known: Record<string, { type: string; labels: readonly string[] }> = METRICS;
    for (const { name, type, samples } of families.values()) {
      assert.equal(type, known[name]?.type, name);
      for (const { labels } of samples) {
        const { le: _, app, ...rest } = labels;
        assert.equal(app, 'shop');
        assert.deepEqual(Object.keys(rest).sort(), [...(known[name]?.labels ?? [])].sort(), name);
      }
    }
  });

  await t.test("a deploy is a span of its caller's trace, with one span for each step", async () => {
    const of = (id: string): CollectedSpan[] => collector.spans.filter(({ attributes }) => attributes['greenroom.attempt'] === id);
    const expected = ['deploy', 'resolve', 'gate', 'prepare', 'boot', 'probe', 'promote', 'retire', 'publish'];
    await until(
      () => of(traced.id).length === expected.length,
      () => `spans: ${of(traced.id).map(({ name }) => name)}`,
    );
    const [root, ...steps] = of(traced.id).sort((a, b) => expected.indexOf(a.name) - expected.indexOf(b.name));
    assert.deepEqual(
      [root, ...steps].map((it) => it?.name),
      expected,
    );
    assert.deepEqual([root?.traceId, root?.parentSpanId, root?.error], [TRACE, CALLER, '']);
    for (const step of steps) {
      assert.deepEqual([step.traceId, step.parentSpanId], [TRACE, root?.spanId], step.name);
      assert.ok(step.start >= (root?.start ?? 0n), step.name);
    }
    const { 'deployment.id': id, 'vcs.ref.head.revision': revision, 'greenroom.trigger': trigger } = root?.attributes ?? {};
    assert.deepEqual([id, revision, trigger, root?.resource['service.name']], [traced.id, two, 'manual', 'deploys']);
    const failed = collector.spans.find(({ name, error }) => name === 'deploy' && error !== '');
    assert.equal(failed?.attributes['error.type'], 'boot_exited');
    assert.equal((await rig.client.attempt(traced.id))?.traceparent, `00-${TRACE}-${CALLER}-01`);
  });

  await t.test('the journal gives the counters back', async () => {
    await rig.kill();
    await rig.start(['--json']);
    const after = await scrape(rig);
    for (const name of ['greenroom_attempts_total', 'greenroom_attempt_failures_total', 'greenroom_step_duration_seconds']) {
      assert.deepEqual(after.get(name)?.samples, families.get(name)?.samples, name);
    }
    assert.equal(sampleOf(after, 'greenroom_swap_duration_seconds_count'), 3);
  });

  await t.test('the log is JSON, with ids', async () => {
    const lines = readFileSync(rig.logFile, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of lines) checkLogLine(line);
    const [first] = (await rig.client.deploys({ limit: 10 })).slice(-1);
    assert.ok(first);
    const { id: attempt, slot } = first;
    const instance = lines.find((line) => line['step'] === 'boot')?.['instance'];
    assert.match(String(instance), /./);
    const about = { app: 'shop', level: 'info', attempt, kind: 'deploy', trigger: 'manual', slot, commit: one };
    const probe = lines.find((line) => line['attempt'] === attempt && line['step'] === 'probe');
    const { time: _, message, duration_ms, ...rest } = probe ?? {};
    assert.match(String(message), /^deploy .* probe done in \d+ ms/);
    assert.equal(typeof duration_ms, 'number');
    assert.deepEqual(rest, { ...about, event: 'step_succeeded', step: 'probe', instance });
    const promoted = lines.find((line) => line['attempt'] === attempt && line['step'] === 'promote');
    assert.equal(promoted?.['instance'], instance);
    const failed = lines.find((line) => line['code'] === 'boot_exited');
    assert.equal(failed?.['level'], 'error');
    assert.equal(failed?.['event'], 'undone');
  });
});

async function scrape(rig: Rig): Promise<Map<string, Family>> {
  const { headers, body } = await rig.api('GET', '/metrics');
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  return parsePrometheus(body);
}

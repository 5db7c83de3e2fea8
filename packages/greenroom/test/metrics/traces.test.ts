import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { AttemptView } from '@greenroom/sdk/wire';
import { openTraces } from '../../src/main/traces.ts';
import { createClock } from '../../src/orchestrator/adapters/clock.ts';
import { createExporter, type Exporter, MOST_WAITING_SPANS } from '../../src/orchestrator/adapters/traces/exporter.ts';
import { readTraceSettings } from '../../src/orchestrator/adapters/traces/settings.ts';
import { createSpanFinder, type Span } from '../../src/orchestrator/adapters/traces/spans.ts';
import { parseTraceparent } from '../../src/orchestrator/core/traceparent.ts';
import type { Announcement } from '../../src/orchestrator/runner.ts';
import { contractOf } from '../alerts/support.ts';
import { until } from '../e2e/rig.ts';
import { type Collector, startCollector } from './collector.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const QUICK = { gatherMs: 5, firstRetryMs: 5, closeMs: 200 };

describe('traceparent', () => {
  it('is taken as W3C describes it, and ignored otherwise', () => {
    const context = (sampled: boolean) => ({ traceId: TRACE, parentId: PARENT, sampled });
    assert.deepEqual(parseTraceparent(`00-${TRACE}-${PARENT}-01`), context(true));
    assert.deepEqual(parseTraceparent(`00-${TRACE}-${PARENT}-02`), context(false));
    assert.deepEqual(parseTraceparent(`cc-${TRACE}-${PARENT}-01-what-comes-later`), context(true), 'a newer version');
    const wrong = [
      undefined,
      '',
      `ff-${TRACE}-${PARENT}-01`,
      `00-${TRACE}-${PARENT}-01-more`,
      `00-${TRACE.toUpperCase()}-${PARENT}-01`,
      `00-${'0'.repeat(32)}-${PARENT}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
      `00-${TRACE}-${PARENT}`,
    ];
    for (const header of wrong) assert.equal(parseTraceparent(header), null, header);
  });
});

describe('the settings of traces', () => {
  const endpoint = (env: Record<string, string>): string => readTraceSettings(env).settings?.endpoint.href ?? '';

  it('follow the standard variables', () => {
    assert.equal(endpoint({}), '');
    assert.equal(endpoint({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }), 'http://collector:4318/v1/traces');
    assert.equal(endpoint({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://x/otlp/' }), 'https://x/otlp/v1/traces');
    const both = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://one', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://two/exactly' };
    assert.equal(endpoint(both), 'http://two/exactly');
    for (const off of [{ OTEL_SDK_DISABLED: 'TRUE' }, { OTEL_TRACES_EXPORTER: 'none' }]) assert.equal(endpoint({ ...both, ...off }), '');
    const { settings } = readTraceSettings({
      ...both,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20YTpi, x-scope=shop',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-scope=traces',
      OTEL_EXPORTER_OTLP_TIMEOUT: '2500',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=pro%2Cduction',
      OTEL_SERVICE_NAME: 'deploys',
    });
    assert.deepEqual(settings?.headers, { authorization: 'Basic YTpi', 'x-scope': 'traces' });
    assert.equal(settings?.timeoutMs, 2_500);
    assert.deepEqual(settings?.resource, { 'service.name': 'deploys', 'deployment.environment.name': 'pro,duction' });
  });

  it('say what is wrong with them, without the value of a header', () => {
    const problem = (env: Record<string, string>): string => readTraceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', ...env }).problem;
    assert.match(problem({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }), /ENDPOINT is not an http or https address/);
    assert.match(problem({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }), /speaks http\/json/);
    const said = problem({ OTEL_EXPORTER_OTLP_HEADERS: 'authorization=secret%0d%0aword' });
    assert.match(said, /does not allow, "authorization"/);
    assert.doesNotMatch(said, /secret/);
    assert.equal(problem({ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }), '');
  });
});

describe('the spans of an attempt', () => {
  it('are told once each, when they have ended', () => {
    const finder = createSpanFinder('shop');
    const view = attempt({ finished_at: '' });
    view.steps.push({ step: 'gate', status: 'running', started_at: view.started_at, duration_ms: 0 });
    assert.deepEqual(names(finder.take(view)), ['resolve']);
    assert.deepEqual(names(finder.take(view)), []);
    Object.assign(view, {
      finished_at: '2026-02-01T12:00:02.000Z',
      status: 'failed',
      promoted: false,
      code: 'gate_secret',
      error: 'A secret.',
    });
    Object.assign(view.steps[1] ?? {}, { status: 'failed', duration_ms: 7, code: 'gate_secret', error: 'A secret.' });
    const [gate, root] = finder.take(view);
    assert.deepEqual([gate?.name, gate?.error, gate?.attributes['error.type']], ['gate', 'A secret.', 'gate_secret']);
    assert.deepEqual([root?.name, root?.error, root?.parentId], ['deploy', 'A secret.', '']);
    assert.equal(gate?.parentId, root?.spanId);
    assert.equal((root?.end ?? 0) - (root?.start ?? 0), 2_000, 'from the request to the decision');
    assert.deepEqual(names(finder.take(view)), []);
  });

  it("go on with the caller's trace, and are none when it is not recorded", () => {
    const [, root] = createSpanFinder('shop').take(attempt({ traceparent: `00-${TRACE}-${PARENT}-01` }));
    assert.deepEqual([root?.traceId, root?.parentId, root?.parentIsRemote], [TRACE, PARENT, true]);
    assert.deepEqual(createSpanFinder('shop').take(attempt({ traceparent: `00-${TRACE}-${PARENT}-00` })), []);
  });
});

describe('the exporter', () => {
  it('tries again while the collector is busy, and sends what waits together', async (t) => {
    const { collector, exporter, said } = await rig(t, (count) => (count <= 2 ? 503 : 200));
    exporter.add(spans(1));
    exporter.add(spans(2));
    await until(
      () => collector.spans.length === 3,
      () => `${collector.spans.length} spans`,
    );
    assert.equal(collector.headers.length, 3);
    assert.deepEqual(said, []);
    const { authorization, 'user-agent': agent } = collector.headers[0] ?? {};
    assert.deepEqual([authorization, agent], ['Bearer x', 'greenroom/1.2.3']);
    const [first] = collector.spans;
    assert.equal(first?.resource['service.name'], 'greenroom');
    assert.equal(first?.flags, 0x101);
  });

  it('drops what is refused with one line, and says when it is over', async (t) => {
    const { collector, exporter, said } = await rig(t, (count) => (count <= 2 ? 400 : 200));
    for (let count = 1; count <= 3; count++) {
      exporter.add(spans(1));
      await until(
        () => collector.headers.length === count,
        () => `request ${count}`,
      );
    }
    await exporter.close();
    assert.equal(collector.spans.length, 1);
    assert.equal(said.length, 2, said.join('\n'));
    assert.match(said[0] ?? '', /cannot be delivered to 127\.0\.0\.1:\d+ \(answered 400: {}\)/);
    assert.match(said[1] ?? '', /reach 127\.0\.0\.1:\d+ again/);
  });

  it('keeps a bounded number, and never holds up its end', async (t) => {
    const { collector, exporter, said } = await rig(t, () => 503, { gatherMs: 60_000, firstRetryMs: 60_000 });
    for (let round = 0; round < 3; round++) exporter.add(spans(MOST_WAITING_SPANS));
    const began = performance.now();
    await exporter.close();
    assert.ok(performance.now() - began < 5_000);
    assert.equal(said.length, 1, said.join('\n'));
    assert.ok(collector.headers.length <= MOST_WAITING_SPANS / 200, String(collector.headers.length));
  });
});

describe('traces', () => {
  it('leave out what is secret, and what an earlier start has told', async (t) => {
    const collector = await startCollector(t);
    const listeners: ((it: Announcement) => void)[] = [];
    const subscribe = (listener: (it: Announcement) => void) => {
      listeners.push(listener);
      return () => undefined;
    };
    const { settings } = readTraceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    assert.ok(settings);
    const told = attempt({ id: 'before' });
    const close = openTraces({
      app: 'shop',
      version: '1.2.3',
      settings,
      contract: contractOf({ secrets_inject: ['KEY'] }),
      runner: { history: () => new Map([['before', told]]), subscribe },
      secrets: { read: async () => ({ values: { KEY: 'correct horse battery' }, missing: [] }) },
      clock: createClock(),
      log: assert.fail,
    });
    const failed = attempt({ promoted: false, status: 'failed', code: 'boot_exited', error: 'It said: no correct horse battery here.' });
    for (const listener of listeners) listener({ seq: 1, time: '', type: 'undone', subject: '', attempts: [told, failed] });
    await close();
    const root = collector.spans.find(({ name }) => name === 'deploy');
    assert.equal(collector.spans.length, 2);
    assert.match(root?.error ?? '', /^It said: no \S.* here\.$/);
    assert.doesNotMatch(JSON.stringify(collector.spans.map((it) => [it.error, it.attributes])), /horse/);
  });
});

async function rig(
  t: TestContext,
  reply: (count: number) => number,
  timing: object = {},
): Promise<{ collector: Collector; exporter: Exporter; said: string[] }> {
  const collector = await startCollector(t, reply);
  const { settings } = readTraceSettings({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20x',
  });
  assert.ok(settings);
  const said: string[] = [];
  const log = (line: string): void => void said.push(line);
  const exporter = createExporter({ settings, version: '1.2.3', clock: createClock(), log, timing: { ...QUICK, ...timing } });
  t.after(() => exporter.close());
  return { collector, exporter, said };
}

function spans(count: number): Span[] {
  const [, root] = createSpanFinder('shop').take(attempt());
  assert.ok(root);
  return Array.from({ length: count }, () => root);
}

function attempt(changes: Partial<AttemptView> = {}): AttemptView {
  const at = '2026-02-01T12:00:00.000Z';
  return {
    id: '260201T120000-3fa9c1',
    kind: 'deploy',
    status: 'succeeded',
    promoted: true,
    commit: 'c'.repeat(40),
    branch: 'main',
    slot: 'a',
    previous_commit: '',
    trigger: 'manual',
    caller: 'tcp',
    reason: '',
    requested_at: at,
    started_at: at,
    finished_at: '2026-02-01T12:00:02.000Z',
    duration_ms: 2_000,
    steps: [{ step: 'resolve', status: 'succeeded', started_at: at, duration_ms: 3 }],
    ...changes,
  };
}

const names = (all: Span[]): string[] => all.map(({ name }) => name);

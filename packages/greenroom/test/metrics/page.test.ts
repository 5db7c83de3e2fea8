import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createPage } from '../../src/orchestrator/api/metrics-page.ts';
import { createCounter, createTimings } from '../../src/orchestrator/core/measures.ts';
import { parsePrometheus, sampleOf } from './prometheus.ts';

describe('the page of metrics', () => {
  it('gives back whatever names people choose', () => {
    const names = fc.string({ unit: fc.oneof(fc.constantFrom('\\', '"', '\n', '{', '}', ',', '=', ' ', '#'), fc.string()) });
    fc.assert(
      fc.property(names, names, (app, target) => {
        const page = createPage({ app });
        page.set('greenroom_alerts_waiting', 3, { target });
        const [sample] = parsePrometheus(page.text()).get('greenroom_alerts_waiting')?.samples ?? [];
        assert.deepEqual(sample, { name: 'greenroom_alerts_waiting', labels: { app, target }, value: 3 });
      }),
    );
  });

  it('adds a histogram up, whatever was observed', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true })), (seconds) => {
        const timings = createTimings<{ outcome: 'succeeded' }>([0.1, 1, 10]);
        for (const each of seconds) timings.observe({ outcome: 'succeeded' }, each);
        const page = createPage({ app: 'shop' });
        for (const { histogram } of timings.samples()) page.setHistogram('greenroom_swap_duration_seconds', histogram, {});
        const text = page.text();
        if (seconds.length === 0) return assert.equal(text, '');
        const families = parsePrometheus(text);
        assert.equal(sampleOf(families, 'greenroom_swap_duration_seconds_count'), seconds.length);
        for (const bound of [0.1, 1, 10]) {
          const within = seconds.filter((it) => it <= bound).length;
          assert.equal(sampleOf(families, 'greenroom_swap_duration_seconds_bucket', { le: String(bound) }), within);
        }
      }),
    );
  });

  it('shows a counter that is known as 0 before it counts', () => {
    const counter = createCounter([{ outcome: 'completed' }]);
    counter.add({ outcome: 'failed' });
    counter.add({ outcome: 'failed' });
    assert.deepEqual(
      counter.samples().map(({ labels, value }) => [labels.outcome, value]),
      [
        ['completed', 0],
        ['failed', 2],
      ],
    );
  });
});

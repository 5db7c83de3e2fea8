import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceTraffic } from '@greenroom/sdk/wire';
import { nothingCounted, percentileMs, trafficOf } from '../../src/dashboard/rates.ts';

const BOUNDS = [0.001, 0.01, 0.1, 1];

function instance(answers: number[], counts: number[]): InstanceTraffic {
  const times = { bounds: BOUNDS, counts, sum: 0 };
  return { instance: 'i', commit: 'c', answers, unanswered: 0, cut: 0, requests: 2, streams: 1, first_byte: times, duration: times };
}

test('rates are those between two looks, percentiles those of what came between them', () => {
  const before = { at: 1_000, instance: instance([0, 100, 0, 0, 1], [0, 101, 0, 0, 0]), failures: 1 };
  const now = { at: 3_000, instance: instance([0, 190, 10, 0, 11], [0, 101, 110, 0, 0]), failures: 3 };
  const traffic = trafficOf(now, before);
  assert.deepEqual([traffic.in_flight, traffic.requests_per_second, traffic.errors_per_second], [3, 56, 6]);
  // All of them are in the bucket from 10 to 100 ms.
  assert.deepEqual([Math.round(traffic.p50_ms), Math.round(traffic.p99_ms)], [55, 99]);
  assert.deepEqual([traffic.total.requests, traffic.total.errors], [211, 11]);
  assert.ok(traffic.total.p50_ms > 10 && traffic.total.p50_ms < 20, String(traffic.total.p50_ms));
});

test('an instance begins with nothing, and a proxy that was started anew has no rates below zero', () => {
  const many = { at: 1_000, instance: instance([0, 100, 0, 0, 0], [100, 0, 0, 0, 0]), failures: 0 };
  const begun = trafficOf(many, nothingCounted(many.instance, 0));
  assert.deepEqual([begun.requests_per_second, begun.errors_per_second], [100, 0]);
  // Just promoted: what failed before was not its fault.
  const young = trafficOf({ ...many, at: 2_000, failures: 50 }, { ...many, failures: null });
  assert.deepEqual([young.requests_per_second, young.errors_per_second], [0, 0]);
  const few = { at: 3_000, instance: instance([0, 10, 0, 0, 0], [10, 0, 0, 0, 0]), failures: 0 };
  const traffic = trafficOf(few, many);
  assert.deepEqual([traffic.requests_per_second, traffic.errors_per_second], [5, 0]);
  assert.ok(traffic.p99_ms > 0 && traffic.p99_ms <= 1);
});

test('a percentile is spread evenly within its bucket, and never beyond the last bound', () => {
  assert.equal(percentileMs([0, 0, 0, 0, 0], BOUNDS, 0.99), 0);
  assert.equal(percentileMs([100, 0, 0, 0, 0], BOUNDS, 0.5), 0.5);
  assert.equal(percentileMs([50, 50, 0, 0, 0], BOUNDS, 0.5), 1);
  assert.equal(percentileMs([0, 0, 0, 0, 7], BOUNDS, 0.5), 1_000);
  assert.equal(percentileMs([1, 0, 0, 0, 99], BOUNDS, 0.99), 1_000);
});

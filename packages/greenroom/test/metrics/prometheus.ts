/**
 * A strict reader of Prometheus' text format 0.0.4, by its description at prometheus.io/docs/instrumenting/exposition_formats: whatever a scraper might
 * refuse or misread is an error here, and so is what breaks the naming conventions.
 */
import assert from 'node:assert/strict';

export interface Family {
  name: string;
  type: string;
  help: string;
  samples: Sample[];
}

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export function parsePrometheus(text: string): Map<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line has no end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let current: Family | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment) {
      const [, kind, name = '', rest = ''] = comment;
      if (kind === 'HELP') {
        assert.ok(!families.has(name), `${name} comes twice, or is not in one piece`);
        assert.match(rest, /^(?:[^\\]|\\\\|\\n)+$/, `a wrong escape: ${line}`);
        current = { name, type: '', help: rest, samples: [] };
        families.set(name, current);
      } else {
        assert.ok(current?.name === name && current.type === '', `the type of ${name} is not where it belongs`);
        assert.match(rest, /^(counter|gauge|histogram)$/, line);
        current.type = rest;
      }
      continue;
    }
    const sample = parseSample(line);
    assert.ok(current && belongs(sample.name, current), `not below its HELP and TYPE: ${line}`);
    const key = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`;
    assert.ok(!seen.has(key), `twice: ${line}`);
    seen.add(key);
    current.samples.push(sample);
  }
  for (const family of families.values()) check(family);
  return families;
}

/** The only sample of the metric, or the one of these labels. */
export function sampleOf(families: Map<string, Family>, name: string, labels: Record<string, string> = {}): number | undefined {
  const found = [...families.values()].flatMap(({ samples }) => samples).filter((it) => it.name === name && matches(it, labels));
  assert.ok(found.length <= 1, `${found.length} samples of ${name} have ${JSON.stringify(labels)}`);
  return found[0]?.value;
}

function parseSample(line: string): Sample {
  const found = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  assert.ok(found, `not a sample: ${line}`);
  const [, name = '', inside = '', number = ''] = found;
  const labels: Record<string, string> = {};
  let rest = inside;
  while (rest !== '') {
    const pair = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,?)/.exec(rest);
    assert.ok(pair?.[1] !== undefined && pair[2] !== undefined, `wrong labels: ${line}`);
    assert.ok(!Object.hasOwn(labels, pair[1]), `a label twice: ${line}`);
    assert.ok(!pair[1].startsWith('__'), `a reserved label: ${line}`);
    labels[pair[1]] = pair[2].replace(/\\(.)/g, (_, it) => (it === 'n' ? '\n' : it));
    rest = rest.slice(pair[0].length);
    assert.ok(rest === '' || pair[3] === ',', `wrong labels: ${line}`);
  }
  assert.match(number, /^(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[-+]Inf|NaN)$/i, `not a number: ${line}`);
  return { name, labels, value: Number(number.replace('Inf', 'Infinity')) };
}

function belongs(name: string, { name: family, type }: Family): boolean {
  if (type !== 'histogram') return name === family;
  return ['_bucket', '_sum', '_count'].some((suffix) => name === `${family}${suffix}`);
}

function check({ name, type, samples }: Family): void {
  assert.ok(type !== '', `${name} has no type`);
  assert.ok(samples.length > 0, `${name} has no sample`);
  assert.equal(name.endsWith('_total'), type === 'counter', `${name}: counters, and only they, end in _total`);
  assert.doesNotMatch(name, /_(ms|milliseconds|percent|minutes|kb|mb)(_|$)/, `${name} is not in a base unit`);
  for (const { value, labels } of samples) {
    assert.ok(!Number.isNaN(value), `${name} is no number`);
    if (type === 'counter') assert.ok(value >= 0 && Number.isFinite(value), `${name} is ${value}`);
    // Prometheus gives these to what it scrapes, and would rename ours.
    assert.ok(!('instance' in labels || 'job' in labels), `${name} has a label of Prometheus`);
  }
  if (type === 'histogram') checkHistogram(name, samples);
}

function checkHistogram(name: string, samples: Sample[]): void {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(Object.entries(labels).sort());
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [labels, all] of series) {
    const what = `${name} ${labels}`;
    const buckets = all.filter((it) => it.name.endsWith('_bucket'));
    const bounds = buckets.map((it) => Number((it.labels['le'] ?? 'none').replace('Inf', 'Infinity')));
    for (const [index, bound] of bounds.entries()) {
      assert.ok(index === 0 || bound > (bounds[index - 1] ?? 0), `${what}: bounds do not ascend`);
      assert.ok(index === 0 || (buckets[index]?.value ?? 0) >= (buckets[index - 1]?.value ?? 0), `${what}: not cumulative`);
    }
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY, `${what}: no +Inf`);
    assert.equal(all.filter((it) => it.name === `${name}_sum`).length, 1, what);
    const [count, ...more] = all.filter((it) => it.name === `${name}_count`);
    assert.ok(count && more.length === 0, what);
    assert.equal(buckets.at(-1)?.value, count.value, `${what}: +Inf is not the count`);
  }
}

const matches = ({ labels }: Sample, wanted: Record<string, string>): boolean =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value);

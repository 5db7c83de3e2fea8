import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Case } from '../proxy/cases.ts';
import { allowedCores, pinned, shareOut } from '../proxy/cores.ts';
import { type Candidate, proxiesWith } from '../proxy/proxies.ts';
import { type Figures, ratiosOf, renderReport, type Sample } from '../proxy/report.ts';
import { familyOf, usageOf } from '../proxy/usage.ts';

const MAIN = join(import.meta.dirname, '..', 'proxy.ts');
const CASE: Case = { name: 'x', about: 'a case', kind: 'get', bytes: 1, connections: 1 };

function sample(proxy: string, round: number, figures: Partial<Figures> | string): Sample {
  const none: Figures = { requestsPerSecond: 1, p50Ms: 1, p99Ms: 1, errors: 0 };
  return { proxy, case: 'x', round, figures: typeof figures === 'string' ? figures : { ...none, ...figures } };
}

function rowOf(report: string, about: string): string[] {
  const line = report.split('\n').find((each) => each.startsWith(`| ${about} |`));
  assert.ok(line, `no row "${about}" in\n${report}`);
  return line.slice(2, -2).split(' | ');
}

describe('figures of the proxies', () => {
  const proxies: Candidate[] = proxiesWith(2);
  const report = (samples: Sample[], missing: Record<string, string> = {}): string =>
    renderReport(samples, { cases: [CASE], proxies, missing: new Map(Object.entries(missing)) });

  it('are divided by those of the reference in the same round only', () => {
    const samples = [
      sample('nginx', 0, { requestsPerSecond: 100 }),
      sample('ours', 0, { requestsPerSecond: 90 }),
      sample('ours', 1, { requestsPerSecond: 30 }),
      sample('nginx', 1, { requestsPerSecond: 20 }),
      sample('nginx', 2, 'it broke'),
      sample('ours', 2, { requestsPerSecond: 70 }),
      sample('nginx', 3, {}),
      sample('ours', 3, 'it broke'),
    ];
    assert.deepEqual(ratiosOf(samples, 'ours', 'requestsPerSecond', 'nginx'), [0.9, 1.5]);
    assert.deepEqual(ratiosOf(samples, 'ours', 'cpuPer10k', 'nginx'), []);
  });

  it('are shown as the median, the median of the ratios and their range; errors are added up', () => {
    const rounds = [90, 110, 400].flatMap((value, round) => [
      sample('nginx', round, { requestsPerSecond: 100, cpuPer10k: 0.5, peakMb: 10 }),
      sample('ours', round, { requestsPerSecond: value, cpuPer10k: 1, peakMb: 20, errors: 2 }),
    ]);
    const text = report(rounds);
    assert.deepEqual(rowOf(text, 'Greenroom, 1 worker'), [
      'Greenroom, 1 worker',
      '110 **×1.10** (0.900 to 4.00)',
      '1.00 **×1.00** (1.00 to 1.00)',
      '1.00 **×1.00** (1.00 to 1.00)',
      '1.00 **×2.00** (2.00 to 2.00)',
      '20.0 **×2.00** (2.00 to 2.00)',
      '6',
    ]);
    assert.equal(rowOf(text, 'nginx, 1 worker')[1], '100');
    assert.match(text, /^## Greenroom, 1 worker, beside nginx, 1 worker$/m);
    assert.deepEqual(rowOf(text, 'a case'), [
      'a case',
      '**×1.10** (0.900 to 4.00)',
      '**×1.00** (1.00 to 1.00)',
      '**×2.00** (2.00 to 2.00)',
      '20.0',
    ]);
    assert.doesNotMatch(text, /^## Greenroom, 2 workers/m);
  });

  it('name what was not there and what broke, on one line', () => {
    const samples = [
      sample('ours', 0, { requestsPerSecond: 12_345.6 }),
      sample('ours', 1, 'ended | under\nload'),
      sample('node', 0, 'broke'),
    ];
    const text = report(samples, { caddy: 'caddy is not installed' });
    assert.equal(rowOf(text, 'Caddy')[1], 'not measured: caddy is not installed');
    assert.equal(rowOf(text, 'plain node:http proxy')[1], 'not measured: broke');
    const ours = rowOf(text, 'Greenroom, 1 worker');
    assert.deepEqual([ours[1], ours[6]], ['12,346', '0, 1 of 2 rounds failed: ended / under load']);
  });

  it('keep clients and proxies on cores of their own while there are enough', () => {
    const two = shareOut(allowedCores('Name:\tnode\nCpus_allowed_list:\t0-1\n'));
    assert.deepEqual([two.load, two.proxy(1), two.proxy(2)], [[0], [1], []]);
    const five = shareOut(allowedCores('Cpus_allowed_list:\t1,3-5,9\n'));
    assert.deepEqual([five.load, five.proxy(1), five.proxy(3)], [[1, 3], [4], [4, 5, 9]]);
    assert.deepEqual(shareOut([0]).load, []);
    assert.deepEqual(pinned(['a'], []), ['a']);
    assert.deepEqual(pinned(['a'], [1, 2]), ['taskset', '--cpu-list', '1,2', 'a']);
  });

  it('count the time and the memory of a process and its children', async () => {
    const idle = usageOf(process.pid);
    const busy = execFile(process.execPath, [
      '-e',
      'while (process.cpuUsage().user < 150_000); setInterval(() => {}, 1000); console.log("done")',
    ]);
    await new Promise((resolve) => busy.stdout?.once('data', resolve));
    assert.ok(familyOf(process.pid).includes(busy.pid ?? 0));
    const both = usageOf(process.pid);
    busy.kill();
    assert.ok(both.cpuSeconds >= idle.cpuSeconds + 0.1, `${both.cpuSeconds} after ${idle.cpuSeconds} s`);
    assert.ok(both.peakMb > idle.peakMb + 20, `${both.peakMb} after ${idle.peakMb} MB`);
  });
});

describe('npm run bench:proxy', () => {
  const out = mkdtempSync(join(tmpdir(), 'greenroom-bench-proxy-test-'));
  after(() => rmSync(out, { recursive: true, force: true }));

  it('measures through the real proxy and writes a table', async () => {
    await promisify(execFile)(process.execPath, [MAIN, '--quick', '--only', '1k', '--proxies', 'direct,ours', '--out', out]);
    const [file = ''] = readdirSync(out);
    const text = readFileSync(join(out, file), 'utf8');
    for (const about of ['no proxy', 'Greenroom, 1 worker']) {
      const row = rowOf(text, about);
      assert.match(row[1] ?? '', /^[\d,]+$/, text);
      assert.ok(Number(row[1]?.replaceAll(',', '')) > 10, text);
      assert.equal(row[6], '0', text);
    }
    assert.ok(Number(rowOf(text, 'Greenroom, 1 worker')[4]) > 0, text);
  });

  it('refuses a case that there is not, by a sentence', async () => {
    const refused = promisify(execFile)(process.execPath, [MAIN, '--only', '2k', '--out', out]);
    await assert.rejects(refused, { code: 2, stderr: /^--only: there is no "2k"\. Known: 1k, / });
  });
});

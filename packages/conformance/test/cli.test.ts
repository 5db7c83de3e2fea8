import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { shippedSpec } from '../src/spec.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const REFERENCE = fileURLToPath(new URL('reference/main.ts', import.meta.url));

describe('greenroom-conformance', () => {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-cli-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o755 });
    return path;
  };
  const adapter = (name: string, fault: string): string =>
    file(name, `#!/bin/sh\nexec '${process.execPath}' '${REFERENCE}' --fault ${fault} "$@"\n`);
  const spec = readFileSync(shippedSpec(), 'utf8');

  it('lists each requirement with its tests, and finds no gap', () => {
    const { status, stdout } = run('--list');
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^DEPLOY-14 {2}No request MUST fail because of a swap.*\n {4}no request fails across swaps$/m);
    const [, tested, all] = /cover (\d+) of (\d+) requirements/.exec(stdout) ?? [];
    assert.equal(tested, all);
  });

  it('fails when a requirement has no test', () => {
    const { status, stdout } = run('--list', '--spec', file('more.md', `${spec}\n- **START-99** Coffee MUST be ready.\n`));
    assert.equal(status, 1);
    assert.match(stdout, /requirement without a test: START-99/);
  });

  it('fails when a test names a requirement that does not exist', () => {
    const { status, stdout } = run('--list', '--spec', file('less.md', spec.replace(/^- \*\*DOWN-1\*\*.*$/m, '')));
    assert.equal(status, 1);
    assert.match(stdout, /a test names DOWN-1, which the specification does not have/);
  });

  it('refuses a specification that has an id twice', () => {
    const { status, stderr } = run('--list', '--spec', file('twice.md', `${spec}\n- **START-1** Again.\n`));
    assert.equal(status, 2);
    assert.match(stderr, /START-1 stands there twice/);
  });

  it('runs one requirement and says that it holds', () => {
    const { status, stdout } = run('--adapter', REFERENCE, '--only', 'DOWN-1');
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^pass {2}a new orchestrator is ready.*DOWN-1/m);
  });

  it('fails with the id and the evidence of a requirement that does not hold', () => {
    const { status, stdout } = run('--adapter', adapter('silent', 'no-retry-after'), '--only', 'DOWN');
    assert.equal(status, 1);
    assert.match(stdout, /^ {6}DOWN-1: Retry-After/m);
    assert.match(stdout, /^fails: DOWN-1 /m);
  });

  it('reports as JSON', () => {
    const { status, stdout } = run('--adapter', adapter('seconds', 'time-in-seconds'), '--only', 'STATUS-3', '--json');
    assert.equal(status, 1);
    const report = JSON.parse(stdout);
    assert.equal(report.passed, false);
    const failed = report.results[0].findings.filter(({ problem }: { problem: string }) => problem !== '');
    assert.deepEqual(
      failed.map(({ requirement }: { requirement: string }) => requirement),
      ['STATUS-3'],
    );
  });

  it('says that an orchestrator ended instead of starting, with its last words', () => {
    const broken = file('broken', '#!/bin/sh\n[ "$1" = --features ] && exit 0\necho "no such luck" >&2\nexit 7\n');
    const { status, stdout } = run('--adapter', broken, '--only', 'DOWN-1');
    assert.equal(status, 1);
    assert.match(stdout, /ended with code 7 instead of starting/);
    assert.match(stdout, /no such luck/);
  });

  it('leaves out optional requirements that the adapter does not declare, and says so', () => {
    const modest = file('modest', `#!/bin/sh\n[ "$1" = --features ] && exit 0\nexec '${REFERENCE}' "$@"\n`);
    const { status, stdout } = run('--adapter', modest, '--only', 'DRYRUN-1');
    assert.equal(status, 0, stdout);
    assert.match(stdout, /not declared by the adapter: dry_run \[DRYRUN-1\]/);
  });

  it('refuses wrong use with a sentence', () => {
    const cases: [string[], RegExp][] = [
      [[], /--adapter FILE is missing/],
      [['--adapter', join(folder, 'nowhere')], /no such file/],
      [['--adapter', REFERENCE, '--only', 'NOTHING-7'], /no test covers NOTHING-7/],
      [['--adapter', REFERENCE, '--parallel', 'many'], /whole number from 1 on, not "many"/],
      [['--adapter', file('mute', '#!/bin/sh\nexit 3\n')], /must print the optional features and exit 0/],
      [['--adapter', file('odd', '#!/bin/sh\necho teleport\n')], /printed "teleport"; known are smoke, dry_run, watch/],
    ];
    for (const [args, message] of cases) {
      const { status, stderr } = run(...args);
      assert.equal(status, 2, args.join(' '));
      assert.match(stderr, message);
    }
  });
});

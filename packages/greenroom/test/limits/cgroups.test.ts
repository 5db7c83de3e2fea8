import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findHierarchies } from '../../src/confine/cgroup-mounts.ts';
import { type Cgroups, findCgroups } from '../../src/confine/cgroups.ts';

/** A folder that looks like a mounted tree of cgroup v2, with a group for a service; plain files take what the kernel would. */
function fakeTree(t: TestContext, offered = 'cpuset cpu io memory pids'): { mount: string; unit: string; find(own: string): Cgroups } {
  const mount = mkdtempSync(join(tmpdir(), 'cgroup2-'));
  t.after(() => rmSync(mount, { recursive: true }));
  const unit = join(mount, 'system.slice', 'greenroom-shop.service');
  mkdirSync(unit, { recursive: true });
  writeFileSync(join(unit, 'cgroup.controllers'), offered);
  writeFileSync(join(unit, 'cgroup.procs'), '');
  writeFileSync(join(unit, 'cgroup.subtree_control'), '');
  const mountinfo = `30 23 0:26 / ${mount} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n`;
  return { mount, unit, find: (own) => findCgroups({ mountinfo, self: `0::${own}\n`, pid: 4711, rootFolder: 'greenroom' }) };
}

const text = (...path: string[]): string => readFileSync(join(...path), 'utf8');

test('in the place that systemd delegates, Greenroom moves aside and gives each program a group', async (t) => {
  const { unit, find } = fakeTree(t);
  const cgroups = find('/system.slice/greenroom-shop.service');
  assert.deepEqual(cgroups.controllers, ['memory', 'cpu', 'pids']);
  assert.equal(cgroups.place, `cgroup v2 in ${unit}`);
  assert.equal(text(unit, 'greenroom-self', 'cgroup.procs'), '4711');
  const group = cgroups.open('shop-app-1');
  group.limit({ memory_mb: 512, cpu_percent: 150, processes: 64 });
  const folder = join(unit, 'greenroom-shop-app-1');
  assert.equal(text(folder, 'memory.max'), '536870912');
  assert.equal(text(folder, 'memory.swap.max'), '0');
  assert.equal(text(folder, 'cpu.max'), '150000 100000');
  assert.equal(text(folder, 'pids.max'), '64');
  assert.deepEqual(group.layer({ file: 'node', args: ['server.js'] }).args.slice(3), [
    join(folder, 'cgroup.procs'),
    '--',
    'node',
    'server.js',
  ]);
  assert.deepEqual(cgroups.list('shop-app-'), ['shop-app-1']);

  writeFileSync(join(folder, 'memory.events'), 'low 0\nhigh 0\nmax 31\noom 2\noom_kill 2\noom_group_kill 0\n');
  writeFileSync(join(folder, 'memory.peak'), '536870912\n');
  writeFileSync(join(folder, 'pids.events'), 'max 7\n');
  assert.deepEqual(group.findings(), { peakMb: 512, memoryKills: 2, refusedForks: 7 });
  group.kill();
  assert.equal(text(folder, 'cgroup.kill'), '1');
});

test('limits that a restart of the service took away are written anew, and no others', (t) => {
  const { unit, find } = fakeTree(t);
  const group = find('/system.slice/greenroom-shop.service').open('shop-app-1');
  const folder = join(unit, 'greenroom-shop-app-1');
  const limits = { memory_mb: 512, cpu_percent: 150, processes: 64 };
  const now = (): string[] => ['memory.max', 'cpu.max', 'pids.max'].map((name) => text(folder, name));
  const set = (memory: string, current: number, cpu: string, pids: string): void => {
    const files = { 'memory.max': memory, 'memory.current': String(current), 'cpu.max': cpu, 'pids.max': pids };
    for (const [name, value] of Object.entries(files)) writeFileSync(join(folder, name), value);
  };
  set('max', 1e8, 'max 100000', 'max');
  group.restore(limits);
  assert.deepEqual(now(), ['536870912', '150000 100000', '64']);
  set('1000000000', 1e8, '50000 100000', '200');
  group.restore(limits);
  assert.deepEqual(now(), ['1000000000', '50000 100000', '200']);
  // It uses more than it might now: the limit would kill it at once.
  set('max', 6e8, 'max 100000', 'max');
  group.restore(limits);
  assert.equal(now()[0], 'max');
});

test('a process that runs in a group of Greenroom finds the place around it, and leaves the group', (t) => {
  const { unit, find } = fakeTree(t);
  find('/system.slice/greenroom-shop.service');
  for (const own of ['greenroom-shop-app-1', 'greenroom-self']) {
    rmSync(join(unit, 'greenroom-self', 'cgroup.procs'), { force: true });
    assert.equal(find(`/system.slice/greenroom-shop.service/${own}`).place, `cgroup v2 in ${unit}`);
    assert.equal(text(unit, 'greenroom-self', 'cgroup.procs'), '4711');
  }
});

test('where nothing is offered there are no groups, and nothing is left behind', (t) => {
  const { unit, find } = fakeTree(t, 'hugetlb');
  const cgroups = find('/system.slice/greenroom-shop.service');
  assert.deepEqual([cgroups.controllers, cgroups.place], [[], '']);
  assert.ok(!existsSync(join(unit, 'greenroom-self')));
});

test('trees are found whatever is mounted of them', () => {
  const hybrid = [
    '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct',
    '35 31 0:32 / /sys/fs/cgroup/mem\\040ory rw,relatime - cgroup cgroup rw,memory',
    '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
  ].join('\n');
  assert.deepEqual(findHierarchies(hybrid, '4:memory:/a:b\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/x\n'), {
    unified: { mount: '/sys/fs/cgroup/unified', own: '/sys/fs/cgroup/unified/x' },
    v1: {
      memory: { mount: '/sys/fs/cgroup/mem ory', own: '/sys/fs/cgroup/mem ory/a:b' },
      cpu: { mount: '/sys/fs/cgroup/cpu,cpuacct', own: '/sys/fs/cgroup/cpu,cpuacct' },
    },
  });
  const container = '9 8 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw';
  assert.equal(findHierarchies(container, '0::/docker/abc/inner').unified?.own, '/sys/fs/cgroup/inner');
  assert.equal(findHierarchies(container, '0::/../outside').unified, undefined);
});

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { checkInternalSocket } from '../../src/cli/doctor/internal-socket.ts';
import { createInternalLink } from '../../src/orchestrator/adapters/router/internal-link.ts';
import { RouterError } from '../../src/orchestrator/adapters/router/router-error.ts';
import { withInternalLink } from '../../src/orchestrator/adapters/router/with-internal-link.ts';
import { fail, ok } from '../../src/orchestrator/core/result.ts';
import { internalSocketOf, type Layout, layoutOf } from '../../src/orchestrator/layout.ts';
import type { Router, RouteTarget } from '../../src/orchestrator/ports.ts';

interface Place {
  layout: Layout;
  /** The stable path, in a folder of the operator's. */
  path: string;
  target(instance: string): RouteTarget;
}

/** Two instances that listen, `one` and `two`, as far as a link can tell. */
function openPlace(t: TestContext): Place {
  const root = mkdtempSync(join(tmpdir(), 'internal-link-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const layout = layoutOf(join(root, 'data'));
  mkdirSync(layout.internalSockets, { recursive: true });
  mkdirSync(join(root, 'stable'));
  for (const instance of ['one', 'two']) writeFileSync(internalSocketOf(layout, instance), '');
  const target = (instance: string): RouteTarget => ({ instance, host: '127.0.0.1', port: 1, internalPort: 0 });
  return { layout, path: join(root, 'stable', 'shop.sock'), target };
}

/** A proxy that does as it is told, until it refuses. */
function fakeRouter(): Router & { live: string | null; refuses: boolean } {
  const refusal = fail({ code: 'promote_failed', error: 'no' });
  return {
    live: null,
    refuses: false,
    register: async () => undefined,
    async switchTo(target) {
      if (this.refuses) return refusal;
      this.live = target?.instance ?? null;
      return ok(undefined);
    },
    preview: async () => undefined,
    async current() {
      return this.live;
    },
    drain: async () => ({ drained: true, closedStreams: 0, abandonedRequests: 0 }),
    deregister: async () => undefined,
    close: () => undefined,
  };
}

test('the stable path follows the route, and stays as it was when the proxy refuses', async (t) => {
  const { layout, path, target } = openPlace(t);
  const proxy = fakeRouter();
  const router = withInternalLink(
    { ...proxy, switchTo: (it) => proxy.switchTo(it), current: () => proxy.current() },
    createInternalLink(path, layout),
    () => undefined,
  );
  await router.register();
  for (const instance of ['one', 'two', 'two', 'one']) {
    // Of a run that died between the two halves of a swap.
    symlinkSync(internalSocketOf(layout, 'long-gone'), `${path}.new`);
    assert.deepEqual(await router.switchTo(target(instance)), ok(undefined));
    assert.equal(readlinkSync(path), internalSocketOf(layout, instance));
    rmSync(`${path}.new`, { force: true });
  }
  proxy.refuses = true;
  assert.equal((await router.switchTo(target('two'))).ok, false);
  assert.equal(readlinkSync(path), internalSocketOf(layout, 'one'));
  proxy.refuses = false;

  // Whoever asks where the route leads, at a start and in each round of the loop, puts right what a crash left.
  proxy.live = 'two';
  assert.equal(await router.current(), 'two');
  assert.equal(readlinkSync(path), internalSocketOf(layout, 'two'));
  rmSync(path);
  await router.current();
  assert.equal(readlinkSync(path), internalSocketOf(layout, 'two'));

  // An instance of before the contract had the socket has none.
  assert.deepEqual(await router.switchTo(target('by-port')), ok(undefined));
  assert.equal(existsSync(path), false);
  await router.switchTo(target('one'));
  await router.deregister();
  assert.equal(existsSync(path), false);
});

test('what is not ours at the stable path is left alone, at the start and at each swap', async (t) => {
  const { layout, path, target } = openPlace(t);
  const proxy = fakeRouter();
  const router = withInternalLink(proxy, createInternalLink(path, layout), () => undefined);
  const others: [what: RegExp, make: () => void][] = [
    [/there is a file, which is left alone/, () => writeFileSync(path, 'mine')],
    [/there is a folder/, () => mkdirSync(path)],
    [/there is a link to \/run\/other\.sock/, () => symlinkSync('/run/other.sock', path)],
  ];
  for (const [what, make] of others) {
    make();
    const isRefusal = (error: unknown): boolean => error instanceof RouterError && what.test(error.message);
    await assert.rejects(router.register(), isRefusal);
    const switched = await router.switchTo(target('one'));
    assert.match(switched.ok ? '' : switched.failure.error, what);
    assert.deepEqual([await router.current(), await router.switchTo(null)], [null, ok(undefined)], 'the route is as it was');
    await router.deregister();
    if (what.source.includes('file')) assert.equal(readFileSync(path, 'utf8'), 'mine');
    rmSync(path, { recursive: true });
  }
});

test('a place that is the wrong one is refused with what to do', async (t) => {
  const { layout, path } = openPlace(t);
  const problemAt = (place: string): Promise<string> => createInternalLink(place, layout).problem();
  assert.equal(await problemAt(path), '');
  assert.equal(await problemAt(layout.internalSocket), '');
  assert.match(
    await problemAt(join(dirname(path), 'missing', 'a.sock')),
    /The folder .*\/missing of internal_socket is not there: make it/,
  );
  for (const folder of [layout.slot('a'), layout.workspace, layout.shared, layout.internalSockets]) {
    mkdirSync(folder, { recursive: true });
    assert.match(await problemAt(join(folder, 'a.sock')), /where only .*\/run\/internal\.sock is a place for it/);
  }
  // The same by another name.
  const alias = join(dirname(path), 'alias');
  symlinkSync(layout.slot('a'), alias);
  assert.match(await problemAt(join(alias, 'a.sock')), /lies in the app's data directory/);
});

test('doctor says where it leads, and what is in its way', async (t) => {
  const { layout, path } = openPlace(t);
  const look = async (internal_socket?: string): Promise<unknown> => {
    const [found] = await checkInternalSocket({ layout, contract: { internal_socket } });
    return found && [found.level, found.says];
  };
  assert.equal(await look(), undefined);
  assert.deepEqual(await look(path), ['ok', `${path} is free`]);
  assert.ok((await createInternalLink(path, layout).point('one')).ok);
  assert.deepEqual(await look(path), ['ok', `${path} leads to one`]);
  assert.equal(((await look(join(layout.slot('a'), 'a.sock'))) as string[])[0], 'fail');
});

import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { DashboardApp } from '@greenroom/sdk/dashboard';
import { announcementOf } from '../../../ui/assets/dashboard/announce.ts';
import { linkTo, readRoute } from '../../../ui/assets/dashboard/route.ts';
import { attentionOf, milliseconds, rate, share, size, whyUncounted, wordOf } from '../../../ui/assets/dashboard/words.ts';
import { attempt, COMMIT, status } from '../../cli/support.ts';

const approval = { state: 'waiting', since: '', until: '', preview_path: '', by: '', reason: '' } as const;

function app(changes: Partial<DashboardApp> = {}): DashboardApp {
  const known = status({ deploys: [] });
  return {
    name: 'shop',
    data: '/d',
    repo: '/r',
    addresses: [],
    ended: '',
    note: '',
    reach: 'up',
    problem: '',
    status: known,
    seen_at: '',
    ...changes,
  };
}

test('a screen reader is told what begins, waits and ends, each once, and of no step', () => {
  const idle = app();
  const running = app({ status: status({ deploys: [], attempt: attempt() }) });
  const waiting = app({ status: status({ deploys: [], attempt: attempt({ approval }) }) });
  const over = (changes: object): DashboardApp => app({ status: status({ deploys: [attempt(changes)] }) });
  assert.equal(announcementOf(undefined, running), '');
  assert.equal(announcementOf(idle, running), 'shop: The deploy of 1a2b3c4 has begun.');
  assert.equal(announcementOf(running, running), '');
  assert.equal(announcementOf(running, waiting), 'shop: The deploy of 1a2b3c4 waits for approval.');
  assert.equal(announcementOf(waiting, over({ status: 'succeeded', promoted: true })), 'shop: The deploy of 1a2b3c4 is live.');
  assert.equal(
    announcementOf(running, over({ status: 'failed', error: 'It\u001b[2J exited.\n' })),
    'shop: The deploy of 1a2b3c4 failed. It exited.',
  );
  assert.equal(announcementOf(idle, app({ status: status({ deploys: [], healthy: false }) })), 'shop: It is unhealthy.');
});

test('what needs attention is said in sentences that nobody else wrote the marks of', () => {
  assert.deepEqual(attentionOf(app()), []);
  const trouble = app({
    status: status({
      healthy: false,
      attempt: attempt({ approval }),
      restart: { attempt: 2, at: '', last_exit: 'exited\u202E with code 1' },
      journal: { records: 1, intact: false, problem: 'line 3 is torn' },
      consecutive_failures: 3,
      quarantine: [COMMIT],
      freeze: { scope: 'all', reason: 'a\nholiday', caller: '', since: '' },
      drift: [{ name: 'disk_pressure', detail: 'The disk is 97% full.', action: 'clean', since: '' }],
    }),
  });
  const found = attentionOf(trouble);
  assert.equal(found.length, 7);
  assert.ok(
    found.every(({ text }) => /[.)y]$/.test(text) && !/[\n\u202E]/.test(text)),
    JSON.stringify(found),
  );
  assert.equal(wordOf(trouble).word, 'Unhealthy');
  assert.deepEqual(
    (['', 'never_started', 'stopped', 'detached', 'crashed', 'stale'] as const).map((ended) => wordOf(app({ reach: 'away', ended })).tone),
    ['bad', 'done', 'done', 'bad', 'bad', 'bad'],
  );
  const gone = attentionOf(app({ reach: 'away', ended: 'stale', note: 'its data directory /d is gone' }));
  assert.deepEqual(gone, [
    {
      tone: 'bad',
      text: 'There is nothing left to start: its data directory /d is gone. Take it off the list with "greenroom apps forget shop".',
    },
  ]);
  const failed = attentionOf(app({ reach: 'away', ended: 'stopped', note: 'could not start: port 80 is taken\u202E.' }));
  assert.deepEqual(
    failed.map(({ text }) => text),
    ['It could not start: port 80 is taken‹U+202E›.'],
  );
});

test('without charts it is said why', () => {
  assert.equal(whyUncounted(app()), '');
  assert.equal(whyUncounted(app({ status: null })), '');
  assert.match(whyUncounted(app({ status: status({ router: 'caddy' }) })), /^Caddy .*\/metrics/);
  assert.match(whyUncounted(app({ status: status({ router: 'nginx' }) })), /^nginx .*access log/);
});

test('addresses of the page lead back to what they were made from, whatever somebody types', () => {
  for (const route of [{ name: 'all' }, { name: 'app', app: 'shop' }, { name: 'attempt', app: 'a/b#c', id: '26%01 x/y' }] as const)
    assert.deepEqual(readRoute(linkTo(route)), route);
  assert.deepEqual(readRoute('#/%E0%A4%A'), { name: 'app', app: '%E0%A4%A' });
  assert.deepEqual(
    [readRoute(''), readRoute('#'), readRoute('#/shop/deploys/')].map(({ name }) => name),
    ['all', 'all', 'app'],
  );
});

test('figures', () => {
  assert.deepEqual([0, 0.25, 9.96, 12.4, 1240].map(rate), ['0', '0.3', '10', '12', '1,240']);
  assert.deepEqual([0.4, 14.2, 12_345].map(milliseconds), ['0.4 ms', '14 ms', '12.3 s']);
  assert.deepEqual([0, 999, 53_400_000, 2_500_000_000].map(size), ['0 B', '999 B', '53 MB', '2.5 GB']);
  assert.deepEqual([share(0, 0), share(1, 2), share(1, 3_000)], ['0%', '50%', '0.03%']);
});

import type { Traffic as Counted, DashboardApp, DashboardLoad, ReleaseLoad } from '@greenroom/sdk/dashboard';
import { shortCommit } from '../text.ts';
import type { VNode } from '../vendor/preact.ts';
import { html } from '../views/html.ts';
import { Chart } from './chart.ts';
import { useDashboard } from './context.ts';
import { Scroll } from './scroll.ts';
import { milliseconds, rate, share } from './words.ts';

type Side = 'live' | 'previous';

/** Requests, latency and errors of the live release beside the one before it, over the last minutes and in all. */
export function Traffic({ app }: { app: DashboardApp }): VNode {
  const store = useDashboard();
  const loads = store.loads(app.name);
  const last = loads.at(-1);
  const counted = loads.some((load) => load.releases.some((release) => release.traffic));
  if (!counted) return html`<p class="faint">No requests are counted yet.</p>`;
  const at = loads.map((load) => load.at / 1_000);
  const of = (side: Side, pick: (traffic: Counted) => number): (number | null)[] => loads.map((load) => figure(load, side, pick));
  return html`<div class="charts">
      <${Chart} title="Requests per second" at=${at} live=${of('live', (it) => it.requests_per_second)} previous=${of('previous', (it) => it.requests_per_second)} text=${rate} />
      <${Chart} title="p99 latency" at=${at} live=${of(
        'live',
        latency((it) => it.p99_ms),
      )} previous=${of(
        'previous',
        latency((it) => it.p99_ms),
      )} text=${milliseconds} />
      <${Chart} title="Errors per second" at=${at} live=${of('live', (it) => it.errors_per_second)} previous=${of('previous', (it) => it.errors_per_second)} text=${rate} />
    </div>
    <${Compared} live=${sideOf(last, 'live')} previous=${lastPrevious(loads)} />`;
}

/** The same as figures, and since each of both took its first request. */
function Compared({ live, previous }: { live: ReleaseLoad | undefined; previous: ReleaseLoad | undefined }): VNode {
  const rows: [string, (traffic: Counted) => string][] = [
    ['Requests per second', (it) => rate(it.requests_per_second)],
    ['In flight', (it) => rate(it.in_flight)],
    ['p50', ({ total }) => (total.requests ? milliseconds(total.p50_ms) : '–')],
    ['p99', ({ total }) => (total.requests ? milliseconds(total.p99_ms) : '–')],
    ['Requests in all', ({ total }) => rate(total.requests)],
    ['Errors in all', ({ total }) => `${rate(total.errors)} (${share(total.errors, total.requests)})`],
  ];
  const cell = (release: ReleaseLoad | undefined, show: (traffic: Counted) => string): string =>
    release?.traffic ? show(release.traffic) : '–';
  return html`<${Scroll} label="Live and previous release compared"><table>
    <thead><tr><td></td><th scope="col" class="number"><span class="key live"></span> Live <span class="mono">${shortCommit(live?.commit ?? '')}</span></th><th scope="col" class="number"><span class="key previous"></span> Before <span class="mono">${shortCommit(previous?.commit ?? '')}</span></th></tr></thead>
    <tbody>${rows.map(([name, show]) => html`<tr><th scope="row">${name}</th><td class="number">${cell(live, show)}</td><td class="number">${cell(previous, show)}</td></tr>`)}</tbody>
  </table><//>`;
}

const sideOf = (load: DashboardLoad | undefined, side: Side): ReleaseLoad | undefined =>
  load?.releases.find((release) => release.role === side);

/** As it was last seen: it ends soon after the swap, and is what the live one is compared with. */
function lastPrevious(loads: readonly DashboardLoad[]): ReleaseLoad | undefined {
  for (const load of loads.toReversed()) {
    const found = sideOf(load, 'previous');
    if (found?.traffic) return found;
  }
  return undefined;
}

/** Without requests there is no latency: a gap, not a zero. */
const latency =
  (pick: (traffic: Counted) => number) =>
  (traffic: Counted): number =>
    traffic.requests_per_second > 0 ? pick(traffic) : Number.NaN;

function figure(load: DashboardLoad, side: Side, pick: (traffic: Counted) => number): number | null {
  const traffic = sideOf(load, side)?.traffic;
  const value = traffic ? pick(traffic) : null;
  return value === null || Number.isNaN(value) ? null : value;
}

import type { Traffic as Counted, DashboardApp, DashboardLoad, ReleaseLoad } from '@greenroom/sdk/dashboard';
import { shortCommit } from '../text.ts';
import type { VNode } from '../vendor/preact.ts';
import { html } from '../views/html.ts';
import { Chart } from './chart.ts';
import { useDashboard } from './context.ts';
import { Scroll } from './scroll.ts';
import { milliseconds, rate, share, whyUncounted } from './words.ts';

/** Requests, latency and errors of the live release beside the one before it, over the last minutes. */
export function Traffic({ app }: { app: DashboardApp }): VNode {
  const store = useDashboard();
  const loads = store.loads(app.name);
  const uncounted = whyUncounted(app);
  if (uncounted) return html`<p class="faint">${uncounted}</p>`;
  if (!loads.some((load) => load.releases.some((release) => release.traffic)))
    return html`<p class="faint charts-to-come">No requests are counted yet.</p>`;
  const at = loads.map((load) => load.at / 1_000);
  const live = sideOf(loads.at(-1), 'live')?.instance;
  const previous = sideOf(loads.at(-1), 'previous')?.instance;
  // By instance, not by what it was at the time: at a swap one line falls and the other rises.
  const lines = (pick: (traffic: Counted) => number): { live: (number | null)[]; previous: (number | null)[] } => ({
    live: loads.map((load) => figure(load, live, pick)),
    previous: loads.map((load) => figure(load, previous, pick)),
  });
  return html`<div class="charts">
    <${Chart} title="Requests per second" at=${at} lines=${lines((it) => it.requests_per_second)} text=${rate} />
    <${Chart} title="p99 latency" at=${at} lines=${lines((it) => (it.requests_per_second > 0 ? it.p99_ms : Number.NaN))} text=${milliseconds} />
    <${Chart} title="Errors per second" at=${at} lines=${lines((it) => it.errors_per_second)} text=${rate} />
  </div>`;
}

/** The same as figures, and since each of both took its first request. */
export function Compared({ app }: { app: DashboardApp }): VNode {
  const last = useDashboard().loads(app.name).at(-1);
  const live = sideOf(last, 'live');
  const previous = sideOf(last, 'previous');
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

const sideOf = (load: DashboardLoad | undefined, side: ReleaseLoad['role']): ReleaseLoad | undefined =>
  load?.releases.find((release) => release.role === side);

/** A gap where nothing is known: no sample, or no latency because there was no request. */
function figure(load: DashboardLoad, instance: string | undefined, pick: (traffic: Counted) => number): number | null {
  const traffic = load.releases.find((release) => release.instance === instance)?.traffic;
  const value = traffic ? pick(traffic) : Number.NaN;
  return Number.isNaN(value) ? null : value;
}

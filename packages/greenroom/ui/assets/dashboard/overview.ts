import type { DashboardApp } from '@greenroom/sdk/dashboard';
import { shortCommit } from '../text.ts';
import type { VNode } from '../vendor/preact.ts';
import { Bar, outcome } from '../views/attempt-parts.ts';
import { html } from '../views/html.ts';
import { Icon } from '../views/icons.ts';
import { Line, Time } from '../views/parts.ts';
import { useDashboard } from './context.ts';
import { linkTo } from './route.ts';
import { attentionOf, count, liveLine, loadOf, milliseconds, rate, size, wordOf } from './words.ts';

/** All apps at a glance. */
export function Overview(): VNode {
  const store = useDashboard();
  const apps = store.apps ?? [];
  return html`<div class="overview">
    <div class="headline"><h1>${count(apps.length, 'app')}</h1><p class="faint">${summary(apps)}</p></div>
    ${
      apps.length === 0
        ? html`<div class="gate"><h2>No app is registered on this machine</h2><p>Run <code>greenroom init</code> in the folder of one, then <code>greenroom start</code>.</p></div>`
        : html`<ul class="apps">${apps.map((app) => html`<${Card} key=${app.name} app=${app} />`)}</ul>`
    }
    ${store.broken.map(({ file, problem }) => html`<p class="note wait"><${Icon} name="alert" /> <span>Skipped <${Line} mono=${true} text=${file} />: <${Line} text=${problem} />.</span></p>`)}
  </div>`;
}

function summary(apps: readonly DashboardApp[]): string {
  const bad = apps.filter((app) => wordOf(app).tone === 'bad').length;
  const others = apps.filter((app) => wordOf(app).tone !== 'bad' && attentionOf(app).length > 0).length;
  const said = [bad > 0 ? `${bad} in trouble` : '', others > 0 ? `${count(others, 'needs', 'need')} attention` : ''].filter(Boolean);
  return said.join(', ') || (apps.length > 0 ? 'All is well' : '');
}

function Card({ app }: { app: DashboardApp }): VNode {
  const { word, tone } = wordOf(app);
  const { status } = app;
  const attention = attentionOf(app).length;
  return html`<li class=${`card app ${tone}`}>
    <header>
      <h2><a href=${linkTo({ name: 'app', app: app.name })}>${app.name}</a></h2>
      <span class=${`chip ${tone}`}>${word}</span>
    </header>
    <p class="live"><${Icon} name="commit" /> <span class="mono">${liveLine(status)}</span>${status?.last_deploy_time ? html` <span class="faint"><${Time} value=${status.last_deploy_time} /></span>` : null}</p>
    <${Doing} app=${app} />
    <${Busy} name=${app.name} />
    <p class=${`attention ${attention > 0 ? 'wait' : 'faint'}`}>${attention > 0 ? html`<${Icon} name="alert" /> ${count(attention, 'thing needs', 'things need')} attention` : 'Nothing needs attention'}</p>
  </li>`;
}

function Doing({ app: { status } }: { app: DashboardApp }): VNode {
  const attempt = status?.attempt;
  if (!attempt)
    return html`<div class="doing"><p class="faint">${status?.queue.length ? `${count(status.queue.length, 'request')} in the queue` : 'Nothing is being deployed'}</p></div>`;
  const { word, tone } = outcome(attempt, status.live_commit);
  const step = attempt.steps.find((one) => one.status === 'running');
  return html`<div class=${`doing ${tone}`}>
    <p><strong>${word}</strong> <span class="mono">${attempt.commit ? shortCommit(attempt.commit) : html`<${Line} text=${attempt.branch} />`}</span>${step ? html` <span class="faint">· ${step.step}</span>` : null}</p>
    <${Bar} steps=${attempt.steps} />
  </div>`;
}

/** Always of one height, so that nothing moves when the first figures come. */
function Busy({ name }: { name: string }): VNode {
  const store = useDashboard();
  const live = loadOf(store.loads(name).at(-1), 'live');
  const traffic = live?.traffic;
  return html`<dl class="figures">
    <div><dt>Requests</dt><dd>${traffic ? `${rate(traffic.requests_per_second)}/s` : '–'}</dd></div>
    <div><dt>p99</dt><dd>${traffic?.requests_per_second ? milliseconds(traffic.p99_ms) : '–'}</dd></div>
    <div><dt>Errors</dt><dd class=${traffic?.errors_per_second ? 'problem' : ''}>${traffic ? `${rate(traffic.errors_per_second)}/s` : '–'}</dd></div>
    <div><dt>Memory</dt><dd>${live?.memory_bytes == null ? '–' : size(live.memory_bytes)}</dd></div>
  </dl>`;
}

import type { DashboardApp } from '@greenroom/sdk/dashboard';
import { inertLine, shortCommit } from '../text.ts';
import type { VNode } from '../vendor/preact.ts';
import { html } from '../views/html.ts';
import { Icon } from '../views/icons.ts';
import { Line, Time } from '../views/parts.ts';
import { Actions } from './actions.ts';
import { AttemptView } from './attempt-view.ts';
import { useDashboard } from './context.ts';
import { History } from './history.ts';
import { Logs } from './logs.ts';
import { Releases } from './releases.ts';
import { linkTo } from './route.ts';
import { Compared, Traffic } from './traffic.ts';
import { attentionOf, count, share, size, wordOf } from './words.ts';

/** One app: what is live, what is being done, what was done, what it says. */
export function AppPage({ app }: { app: DashboardApp }): VNode {
  const { word, tone } = wordOf(app);
  const attention = attentionOf(app);
  return html`<div class="app-page">
    <a class="link back" href=${linkTo({ name: 'all' })}>All apps</a>
    <div class="headline">
      <h1>${app.name}</h1> <span class=${`chip ${tone}`}>${word}</span>
      <${Addresses} app=${app} />
    </div>
    <${Actions} app=${app} />
    <section aria-labelledby="attention"><h2 id="attention">Needs attention</h2>
      ${attention.length === 0 ? html`<p class="faint note quiet">Nothing.</p>` : html`<ul class="notes">${attention.map((one) => html`<li class=${`note ${one.tone}`}><${Icon} name="alert" /> <span>${one.text}</span></li>`)}</ul>`}</section>
    ${app.status ? html`<${Parts} app=${app} />` : html`<p class="faint">Nothing is known of it yet.</p>`}
  </div>`;
}

function Parts({ app }: { app: DashboardApp }): VNode {
  return html`<section aria-labelledby="now"><h2 id="now">Latest attempt</h2><${Now} app=${app} /></section>
    <section aria-labelledby="traffic"><h2 id="traffic">Traffic</h2><${Traffic} app=${app} /></section>
    <div class="columns">
      <section aria-labelledby="releases"><h2 id="releases">Releases</h2><${Releases} app=${app} /></section>
      <section aria-labelledby="compared"><h2 id="compared">Live beside the one before it</h2><${Compared} app=${app} /></section>
    </div>
    <section aria-labelledby="history"><h2 id="history">History</h2><${History} app=${app} /></section>
    <section aria-labelledby="output"><h2 id="output">Output</h2><${Logs} app=${app} /></section>
    <section aria-labelledby="about"><h2 id="about">Branches and machine</h2><${About} app=${app} /></section>`;
}

/** What is being done, else what was done last: the card is always there, so that nothing moves when a deploy begins. */
function Now({ app }: { app: DashboardApp }): VNode {
  const { status } = app;
  const queue = status?.queue ?? [];
  const latest = status?.attempt ?? status?.deploys[0];
  const idle = `Nothing is being deployed.${status?.agent.busy ? ' The agent is at work.' : ''}${status?.watch ? ' The live release is being watched.' : ''}`;
  return html`<div class="now">
    <p class="faint small">${status?.attempt ? 'Under way:' : idle}${queue.length > 0 ? ` ${count(queue.length, 'request')} in the queue.` : ''}</p>
    ${latest ? html`<${AttemptView} app=${app} attempt=${latest} />` : null}
    ${
      queue.length > 0
        ? html`<ul class="queue-list">${queue.map((one) => html`<li>${one.kind} of <${Line} mono=${!one.branch} text=${one.branch || shortCommit(one.commit)} /> by ${one.trigger}, <${Time} value=${one.requested_at} /></li>`)}</ul>`
        : null
    }
  </div>`;
}

/** Links that open the app, for whoever sits at its machine; `*.example.com` is text, for nothing can be opened there. */
function Addresses({ app }: { app: DashboardApp }): VNode | null {
  if (app.addresses.length === 0) return null;
  return html`<span class="addresses">${app.addresses.map((one) => html`<${Address} at=${one} />`)}</span>`;
}

function Address({ at }: { at: string }): VNode {
  const shown = inertLine(at.replace(/^https?:\/\//, '').replace(/\/$/, ''));
  if (!/^https?:\/\/[^*]+$/.test(at)) return html`<span>${shown}</span>`;
  return html`<a class="link" href=${at} target="_blank" rel="noopener noreferrer">${shown} <${Icon} name="external" size=${14} /><span class="sr"> (opens the app)</span></a>`;
}

function About({ app }: { app: DashboardApp }): VNode {
  const store = useDashboard();
  const { status, data, repo } = app;
  const disk = store.loads(app.name).at(-1)?.disk;
  const rows: [string, unknown][] = [
    ...Object.entries(status?.branches ?? {}).map(([name, commit]): [string, unknown] => [
      `Branch ${inertLine(name)}`,
      html`<span class="mono">${shortCommit(commit)}</span>${commit === status?.live_commit ? html` <span class="chip good">live</span>` : html` <span class="faint">not what is live</span>`}`,
    ]),
    ['Checks', status?.checks ? `${status.checks.state}, of ${shortCommit(status.checks.commit)}` : ''],
    [
      'Disk',
      disk
        ? `${size(disk.free_bytes)} free of ${size(disk.total_bytes)} (${share(disk.total_bytes - disk.free_bytes, disk.total_bytes)} used)`
        : '',
    ],
    ['Journal', status ? `${count(status.journal.records, 'record')}, ${status.journal.intact ? 'intact' : 'damaged'}` : ''],
    ['Repository', html`<${Line} mono=${true} text=${repo} />`],
    ['Data', html`<${Line} mono=${true} text=${data} />`],
    ['Greenroom', status?.version ?? ''],
    ['Heard', app.seen_at ? html`<${Time} value=${app.seen_at} />` : ''],
  ];
  return html`<dl class="facts">${rows.filter(([, value]) => value !== '').map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

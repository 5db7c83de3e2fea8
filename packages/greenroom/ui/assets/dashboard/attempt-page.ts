import type { DashboardApp } from '@greenroom/sdk/dashboard';
import type { AttemptView as Attempt, AttemptDiff, FileDiff } from '@greenroom/sdk/wire';
import { plural, shortCommit } from '../text.ts';
import { useEffect, useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { kindName } from '../views/attempt-parts.ts';
import { Diff } from '../views/diff.ts';
import { html } from '../views/html.ts';
import { Line } from '../views/parts.ts';
import type { Answer } from './api.ts';
import { AttemptView } from './attempt-view.ts';
import { useDashboard } from './context.ts';
import { linkTo } from './route.ts';

/** One attempt: its steps and evidence, live while it runs, and what it changes. */
export function AttemptPage({ app, id }: { app: DashboardApp; id: string }): VNode {
  const { api } = useDashboard();
  const known = knownAttempt(app, id);
  const [read, setRead] = useState<Answer<Attempt> | null>(null);
  const [diff, setDiff] = useState<Answer<AttemptDiff> | null>(null);
  const [asked, ask] = useState(0);
  const attempt = known ?? (read?.ok ? read.value : null);
  const commit = attempt?.commit ?? '';
  useEffect(() => {
    if (!known) void api.attempt(app.name, id).then(setRead);
  }, [id, known === undefined, asked]);
  useEffect(() => {
    // Which commit it is, the first step finds out.
    if (commit !== '') void api.diff(app.name, id).then(setDiff);
  }, [id, commit, asked]);
  const again = (): void => ask(asked + 1);
  return html`<div class="app-page">
    <a class="link back" href=${linkTo({ name: 'app', app: app.name })}>${app.name}</a>
    <div class="headline"><h1>${attempt ? kindName(attempt) : 'Attempt'} <span class="mono">${shortCommit(commit)}</span></h1></div>
    ${attempt ? html`<${AttemptView} app=${app} attempt=${attempt} alone=${true} />` : html`<${Waiting} answer=${read} again=${again} />`}
    <section aria-labelledby="changes"><h2 id="changes">What it changes</h2>
      ${diff?.ok ? html`<${Changes} diff=${diff.value} />` : html`<${Waiting} answer=${attempt ? diff : null} again=${again} />`}
    </section>
  </div>`;
}

function knownAttempt({ status }: DashboardApp, id: string): Attempt | undefined {
  return status?.attempt?.id === id ? status.attempt : status?.deploys.find((attempt) => attempt.id === id);
}

function Waiting({ answer, again }: { answer: Answer<unknown> | null; again: () => void }): VNode {
  if (!answer || answer.ok) return html`<p class="faint" role="status">Looking…</p>`;
  return html`<p class="problem" role="status"><${Line} text=${answer.refusal.error} /> <button type="button" class="link" onClick=${again}>Try again</button></p>`;
}

function Changes({ diff }: { diff: AttemptDiff }): VNode {
  const { files, more, base, commit, withheld } = diff;
  const added = files.reduce((sum, file) => sum + file.added, 0);
  const removed = files.reduce((sum, file) => sum + file.removed, 0);
  if (files.length === 0) return html`<p class="faint">Nothing: the release before it had the same files.</p>`;
  return html`<p class="faint">${plural(files.length + more, 'file')}, <span class="plus">+${added}</span> <span class="less">−${removed}</span>, ${base ? html`compared with <span class="mono">${shortCommit(base)}</span>, which was live then` : 'all of it: nothing was live before'}.</p>
    ${withheld ? html`<p class="note wait"><${Line} text=${withheld} /></p>` : null}
    <div class="diffs" key=${commit}>${files.map((file) => html`<${FileChange} key=${file.path} file=${file} withheld=${withheld !== ''} />`)}</div>
    ${more > 0 ? html`<p class="faint">${plural(more, 'more file')} not shown.</p>` : null}`;
}

function FileChange({ file, withheld }: { file: FileDiff; withheld: boolean }): VNode {
  const { path, change, diff, added, removed, cut } = file;
  const why = withheld
    ? ''
    : change === 'removed' && !diff
      ? 'removed'
      : cut
        ? 'too long to be shown whole'
        : diff
          ? ''
          : 'not text, or only its mode changed';
  if (diff)
    return html`<${Diff} diff=${{ type: 'diff', path, change: change === 'added' ? 'added' : 'changed', diff, added, removed }} />${cut ? html`<p class="faint small">The rest is left out: ${why}.</p>` : null}`;
  return html`<p class="file"><${Line} mono=${true} text=${path} /> <span class="count"><span class="plus">+${added}</span> <span class="less">−${removed}</span></span> <span class="faint">${why}</span></p>`;
}

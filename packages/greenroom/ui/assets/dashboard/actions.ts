import type { DashboardApp } from '@greenroom/sdk/dashboard';
import type { AttemptView } from '@greenroom/sdk/wire';
import { inertLine, shortCommit } from '../text.ts';
import { useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { html } from '../views/html.ts';
import { Line } from '../views/parts.ts';
import { useDashboard } from './context.ts';
import { Choice, Dialog, DialogButton, Field } from './dialog.ts';

interface AppProps {
  app: DashboardApp;
}
type Closing<P> = P & { close: () => void };

/** What a person can do with an app; each asks first, and says what will happen. */
export function Actions({ app }: AppProps): VNode {
  const { status } = app;
  const away = app.reach !== 'up' || !status;
  return html`<div class="actions" role="group" aria-label=${`What to do with ${app.name}`}>
    <${DialogButton} label="Deploy…" class="primary" disabled=${away} dialog=${(close: () => void) => html`<${DeployDialog} app=${app} close=${close} />`} />
    <${DialogButton} label="Roll back…" disabled=${away || !status.previous_commit} dialog=${(close: () => void) => html`<${RollbackDialog} app=${app} close=${close} />`} />
    ${
      status?.freeze
        ? html`<${DialogButton} key="thaw" label="Thaw…" disabled=${away} dialog=${(close: () => void) => html`<${ThawDialog} app=${app} close=${close} />`} />`
        : html`<${DialogButton} key="freeze" label="Freeze…" disabled=${away} dialog=${(close: () => void) => html`<${FreezeDialog} app=${app} close=${close} />`} />`
    }
  </div>`;
}

/** The word that a deploy waits for. */
export function Decide({ app, attempt }: AppProps & { attempt: AttemptView }): VNode {
  const away = app.reach !== 'up';
  return html`<${DialogButton} label="Approve…" class="primary" disabled=${away} dialog=${(close: () => void) => html`<${ApproveDialog} app=${app} attempt=${attempt} close=${close} />`} />
    <${DialogButton} label="Deny…" disabled=${away} dialog=${(close: () => void) => html`<${DenyDialog} app=${app} attempt=${attempt} close=${close} />`} />`;
}

function DeployDialog({ app, close }: Closing<AppProps>): VNode {
  const store = useDashboard();
  const branches = Object.keys(app.status?.branches ?? {});
  const [kind, setKind] = useState<'branch' | 'commit'>('branch');
  const [branch, setBranch] = useState(branches.includes('main') ? 'main' : (branches[0] ?? ''));
  const [commit, setCommit] = useState('');
  const [reason, setReason] = useState('');
  const what = kind === 'branch' ? branch.trim() : commit.trim();
  const act = (): Promise<string> =>
    store.change(
      app.name,
      { name: 'deploy', body: { ...(kind === 'branch' ? { branch: what } : { commit: what }), reason } },
      `The deploy of ${what} was asked for.`,
    );
  return html`<${Dialog} title=${`Deploy ${app.name}`} confirm="Deploy" act=${act} close=${close}>
    <${Choice} legend="What" value=${kind} change=${setKind} options=${[
      { value: 'branch', label: 'The head of a branch' },
      { value: 'commit', label: 'A commit' },
    ]} />
    ${
      kind === 'branch'
        ? html`<${Field} label="Branch" value=${branch} change=${setBranch} required=${true} list=${branches} hint="It is fetched first." />`
        : html`<${Field} label="Commit" value=${commit} change=${setCommit} required=${true} hint="The begin of its id is enough." />`
    }
    <${Field} label="Why (optional)" value=${reason} change=${setReason} />
    <p class="small">It is judged by the gate, checked out beside <${Live} app=${app} />, started and probed. Only then visitors are led to it; until then nothing changes for them, and a refusal leaves everything as it is.</p>
    ${whatOfTheOther(app)}
    ${app.status?.freeze?.scope === 'all' ? html`<p class="small note wait">All deploys are frozen: it will be refused.</p>` : null}
  <//>`;
}

function whatOfTheOther({ status }: DashboardApp): VNode | null {
  const attempt = status?.attempt;
  if (!attempt) return null;
  const waits = attempt.approval?.state === 'waiting';
  const other = attempt.kind === 'deploy' ? 'Another deploy' : `A ${attempt.kind}`;
  return html`<p class="small note wait">${waits ? 'The deploy that waits for approval ends: this one takes its place.' : `${other} is under way: this one waits for it.`}</p>`;
}

function RollbackDialog({ app, close }: Closing<AppProps>): VNode {
  const store = useDashboard();
  const [reason, setReason] = useState('');
  // As it was when the question was asked: what is answered is that question.
  const [{ to, from, warm, slot }] = useState(() => ({
    to: app.status?.previous_commit ?? '',
    from: app.status?.live_commit ?? '',
    slot: app.status?.previous_slot ?? '',
    warm: app.status?.slots.some((one) => one.role === 'standby') ?? false,
  }));
  const act = (): Promise<string> =>
    store.change(app.name, { name: 'rollback', body: { to, reason } }, `The rollback to ${shortCommit(to)} was asked for.`);
  return html`<${Dialog} title=${`Roll back ${app.name}`} confirm=${`Roll back to ${shortCommit(to)}`} danger=${true} act=${act} close=${close}>
    <p><span class="mono">${shortCommit(to)}</span> in slot ${slot} goes live again instead of <span class="mono">${shortCommit(from)}</span>. ${warm ? 'It still runs, so that this is a matter of milliseconds.' : 'It is started and probed first.'}</p>
    <p class="small">Requests under way end where they began; no visitor is cut off. <span class="mono">${shortCommit(from)}</span> is not deployed again by itself.${app.status?.attempt?.kind === 'deploy' && !app.status.attempt.promoted ? ' The deploy that is under way ends.' : ''}</p>
    <${Field} label="Why (optional)" value=${reason} change=${setReason} />
  <//>`;
}

function FreezeDialog({ app, close }: Closing<AppProps>): VNode {
  const store = useDashboard();
  const [scope, setScope] = useState<'agent' | 'all'>('agent');
  const [reason, setReason] = useState('');
  const act = (): Promise<string> => store.change(app.name, { name: 'freeze', body: { scope, reason } }, 'It is frozen.');
  return html`<${Dialog} title=${`Freeze ${app.name}`} confirm="Freeze" act=${act} close=${close}>
    <${Choice} legend="Whose deploys" value=${scope} change=${setScope} options=${[
      { value: 'agent', label: "The agent's" },
      { value: 'all', label: "Everybody's" },
    ]} />
    <${Field} label="Why" value=${reason} change=${setReason} required=${true} />
    <p class="small">Deploys ${scope === 'all' ? 'of everybody' : 'of the agent'} are refused until somebody thaws it; one that waits for approval ends. What is live stays live, and people can always roll back.</p>
  <//>`;
}

function ThawDialog({ app, close }: Closing<AppProps>): VNode {
  const store = useDashboard();
  const { freeze } = app.status ?? {};
  const act = (): Promise<string> => store.change(app.name, { name: 'thaw', body: { reason: '' } }, 'Deploys go on.');
  return html`<${Dialog} title=${`Thaw ${app.name}`} confirm="Thaw" act=${act} close=${close}>
    <p>${freeze?.scope === 'all' ? 'Deploys' : 'Deploys of the agent'} are taken again. ${freeze ? html`They were frozen because of: <${Line} text=${freeze.reason} />` : ''}</p>
  <//>`;
}

function ApproveDialog({ app, attempt, close }: Closing<AppProps & { attempt: AttemptView }>): VNode {
  const store = useDashboard();
  const act = (): Promise<string> =>
    store.change(app.name, { name: 'approve', body: { id: attempt.id } }, `${shortCommit(attempt.commit)} is approved.`);
  return html`<${Dialog} title=${`Approve ${shortCommit(attempt.commit)}`} confirm="Approve" act=${act} close=${close}>
    <p><span class="mono">${shortCommit(attempt.commit)}</span> goes live instead of <${Live} app=${app} />, at once.</p>
    ${attempt.reason ? html`<p class="small faint">Asked for because: <${Line} text=${attempt.reason} /></p>` : null}
  <//>`;
}

function DenyDialog({ app, attempt, close }: Closing<AppProps & { attempt: AttemptView }>): VNode {
  const store = useDashboard();
  const [reason, setReason] = useState('');
  const act = (): Promise<string> =>
    store.change(app.name, { name: 'deny', body: { id: attempt.id, reason } }, `${shortCommit(attempt.commit)} is denied.`);
  return html`<${Dialog} title=${`Deny ${shortCommit(attempt.commit)}`} confirm="Deny" danger=${true} act=${act} close=${close}>
    <p>The deploy ends, and <${Live} app=${app} /> stays live.</p>
    <${Field} label="Why not? The agent is told." value=${reason} change=${setReason} />
  <//>`;
}

function Live({ app }: AppProps): VNode {
  const commit = app.status?.live_commit ?? '';
  return commit ? html`<span class="mono">${shortCommit(inertLine(commit))}</span>` : html`<span>nothing</span>`;
}

/** One view per kind of item. */
import type { TurnStatus } from '@greenroom/sdk/chat';

import { cut, duration, inert, inertLine, plural, shortCommit } from '../text.ts';
import type { Item, ItemOf, TurnSummary } from '../timeline.ts';
import { useContext, useState } from '../vendor/hooks.ts';
import { Component, type VNode } from '../vendor/preact.ts';
import { AttemptCard } from './attempt.ts';
import { SurroundingsContext, useShared } from './context.ts';
import { html } from './html.ts';
import { Icon, type IconName } from './icons.ts';
import { Markdown } from './markdown.ts';
import { Line, Time } from './parts.ts';
import { PermissionCard } from './permission.ts';
import { ToolCard } from './tool.ts';

interface Props {
  item: Item;
  turn: TurnSummary | undefined;
}

/** Draws again only when the item or its turn did. */
export class ItemView extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    return next.item !== this.props.item || next.turn !== this.props.turn;
  }

  override render(): VNode {
    const { item, turn } = this.props;
    return html`<div class=${`item is-${item.kind}`} data-key=${item.key} part=${item.kind}><${Body} item=${item} turn=${turn} /></div>`;
  }
}

function Body({ item, turn }: Props): VNode | null {
  switch (item.kind) {
    case 'message':
      return html`<${Message} item=${item} turn=${turn} />`;
    case 'text':
      return html`<${Markdown} text=${item.text} />`;
    case 'thought':
      return html`<${Thought} item=${item} />`;
    case 'tool':
      return html`<${ToolCard} item=${item} running=${!turn || turn.status === 'running'} />`;
    case 'plan':
      return html`<${Plan} item=${item} />`;
    case 'permission':
      return html`<${PermissionCard} item=${item} over=${turn !== undefined && turn.status !== 'running'} />`;
    case 'commit':
      return html`<p class="commit-line"><${Icon} name="commit" /><span class="mono">${shortCommit(item.commit)}</span> <${Line} text=${item.subject} />
        <span class="faint">${plural(item.files, 'file')}</span> <span class="count"><span class="plus">+${item.added}</span> <span class="less">−${item.removed}</span></span></p>`;
    case 'attempt':
      return html`<${AttemptCard} attempt=${item.attempt} />`;
    case 'notice':
      return html`<p class=${`notice ${item.level}`}><${Icon} name=${item.level === 'info' ? 'info' : 'alert'} /><span><span class="sr">${item.level}: </span><${Line} text=${item.text} /></span></p>`;
    case 'start':
      if (!item.agent && item.session === 'new') return null;
      return html`<p class="start-line">${item.agent ? html`<${Line} text=${item.agent} />` : 'The agent'}${item.session === 'resumed' ? ' goes on' : item.session === 'summarised' ? ' starts afresh, with a summary of what was said' : ''}</p>`;
    case 'end':
      return html`<${End} item=${item} turn=${turn} />`;
  }
}

function Message({ item, turn }: { item: ItemOf<'message'>; turn: TurnSummary | undefined }): VNode {
  const { queuedTurns, ownName } = useContext(SurroundingsContext);
  const { store } = useShared();
  const place = queuedTurns.split(' ').indexOf(item.turn);
  const waits = turn ? turn.status === 'queued' : place >= 0;
  return html`<div class="bubble" dir="auto">${inert(item.text)}</div>
    <p class="under">${item.user.name !== ownName ? html`<${Line} text=${item.user.name} /> · ` : null}<${Time} value=${item.time} />
      ${waits ? html` · <span class="waits">waits for its turn</span> · <button type="button" class="link" onClick=${() => void store.act((api) => api.cancelTurn(item.turn))}>Withdraw</button>` : null}
      ${turn?.status === 'cancelled' && !turn.started ? ' · withdrawn' : null}</p>`;
}

const PEEK = 90;

function Thought({ item }: { item: ItemOf<'thought'> }): VNode {
  const [open, setOpen] = useState(false);
  return html`<button type="button" class="thought-head" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <${Icon} name="brain" /><span>Thoughts</span>${open ? null : html`<span class="peek"><bdi>${cut(inertLine(item.text.slice(0, PEEK * 2)), PEEK)}</bdi></span>`}
      <span class="chevron"><${Icon} name="chevron" size=${14} /></span></button>
    ${open ? html`<div class="thought-body"><${Markdown} text=${item.text} /></div>` : null}`;
}

const PLAN_ICONS = {
  pending: ['dot', 'to do'],
  in_progress: ['clock', 'under way'],
  completed: ['check', 'done'],
} as const satisfies Record<string, readonly [IconName, string]>;

function Plan({ item }: { item: ItemOf<'plan'> }): VNode {
  const done = item.entries.filter((entry) => entry.status === 'completed').length;
  return html`<section class="card plan" role="group" aria-label="Plan">
    <header><${Icon} name="plan" /><h3>Plan</h3><span class="faint">${done} of ${item.entries.length}</span></header>
    <ol>${item.entries.map((entry) => {
      const [icon, word] = PLAN_ICONS[entry.status];
      return html`<li class=${entry.status}><${Icon} name=${icon} /><span><span class="sr">${word}: </span><${Line} text=${entry.text} /></span></li>`;
    })}</ol>
  </section>`;
}

/** Before the sentence that says more. */
const ENDS: Partial<Record<TurnStatus, string>> = {
  completed: 'Done.',
  cancelled: 'Stopped.',
  interrupted: 'Interrupted.',
  limited: 'Stopped at a limit.',
  failed: 'Failed.',
};

function End({ item, turn }: { item: ItemOf<'end'>; turn: TurnSummary | undefined }): VNode {
  const { store } = useShared();
  const { lastTurn, runningTurn } = useContext(SurroundingsContext);
  const took = turn?.started ? Date.parse(item.time) - Date.parse(turn.started) : 0;
  const canContinue = item.status === 'interrupted' && item.turn === lastTurn && runningTurn !== item.turn;
  if (item.status === 'completed' && item.uncommitted.length === 0 && !item.detail)
    return html`<p class="end-line">${took > 0 ? html`Done in ${duration(took)}` : 'Done'}</p>`;
  if (item.status === 'cancelled' && !turn?.started) return html`<p class="end-line">Withdrawn</p>`;
  return html`<div class=${`notice ${item.status === 'completed' || item.status === 'cancelled' ? 'info' : 'warning'}`}>
    <${Icon} name=${item.status === 'completed' ? 'check' : item.status === 'cancelled' ? 'stop' : 'alert'} />
    <div>
      <p><strong>${ENDS[item.status] ?? item.status}</strong> <${Line} text=${item.detail} /></p>
      ${
        item.uncommitted.length > 0
          ? html`<details><summary>${plural(item.uncommitted.length, 'file')} changed and not committed</summary><ul>${item.uncommitted.slice(0, 200).map((path) => html`<li><${Line} mono=${true} text=${path} /></li>`)}</ul></details>`
          : null
      }
      ${canContinue ? html`<button type="button" class="button primary" onClick=${() => void store.act((api) => api.continueTurn(item.turn))}>Continue</button>` : null}
    </div>
  </div>`;
}

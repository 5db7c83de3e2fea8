import type { ToolContent, ToolKind, ToolStatus } from '@greenroom/sdk/chat';
import { duration, inertLine } from '../text.ts';
import type { ItemOf } from '../timeline.ts';
import { useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { Diff } from './diff.ts';
import { html } from './html.ts';
import { Icon, type IconName } from './icons.ts';
import { Line, Output } from './parts.ts';

const ICONS: Record<ToolKind, IconName> = {
  read: 'eye',
  edit: 'edit',
  delete: 'trash',
  move: 'move',
  search: 'search',
  execute: 'terminal',
  think: 'brain',
  fetch: 'globe',
  switch_mode: 'tool',
  other: 'tool',
};
const STATUS: Record<ToolStatus, { icon: IconName; word: string }> = {
  pending: { icon: 'clock', word: 'waiting' },
  in_progress: { icon: 'clock', word: 'running' },
  completed: { icon: 'check', word: 'done' },
  failed: { icon: 'close', word: 'failed' },
};
/** Calls quicker than this do not say how long they took. */
const NOTABLE_MS = 1_000;

/** One tool call: a line that opens. Its contents are drawn only while it is open. */
export function ToolCard({ item, running }: { item: ItemOf<'tool'>; running: boolean }): VNode {
  const [open, setOpen] = useState<boolean | null>(null);
  // What its turn left unfinished will not go on.
  const status: ToolStatus = item.status ?? 'pending';
  const abandoned = !running && (status === 'pending' || status === 'in_progress');
  const isOpen = open ?? status === 'failed';
  const { icon, word } = abandoned ? ({ icon: 'minus', word: 'not finished' } as const) : STATUS[status];
  const took = Date.parse(item.until) - Date.parse(item.time);
  const content = item.content ?? [];
  const diffs = content.filter((one) => one.type === 'diff');
  const title = inertLine(item.title ?? '') || 'Tool call';
  return html`<section class=${`tool ${abandoned ? 'abandoned' : status}`} part="tool">
    <button type="button" class="tool-head" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>
      <${Icon} name=${ICONS[item.tool ?? 'other'] ?? 'tool'} />
      <span class="tool-title"><bdi>${title}</bdi></span>
      ${diffs.length > 0 ? html`<${Count} diffs=${diffs} />` : null}
      ${status === 'completed' && took >= NOTABLE_MS ? html`<span class="faint">${duration(took)}</span>` : null}
      <span class="tool-status"><${Icon} name=${icon} /><span class=${status === 'completed' ? 'sr' : ''}>${word}</span></span>
      <span class="chevron"><${Icon} name="chevron" size=${14} /></span>
    </button>
    ${isOpen ? html`<${Body} item=${item} content=${content} />` : null}
  </section>`;
}

function Count({ diffs }: { diffs: Extract<ToolContent, { type: 'diff' }>[] }): VNode {
  const sum = (field: 'added' | 'removed'): number => diffs.reduce((total, diff) => total + diff[field], 0);
  return html`<span class="count"><span class="plus">+${sum('added')}</span> <span class="less">−${sum('removed')}</span></span>`;
}

function Body({ item, content }: { item: ItemOf<'tool'>; content: ToolContent[] }): VNode {
  const empty = !item.input && content.length === 0;
  // A diff names its file itself.
  const places = (item.locations ?? []).filter(({ path }) => !content.some((one) => one.type === 'diff' && one.path === path));
  return html`<div class="tool-body">
    ${
      places.length > 0
        ? html`<p class="faint locations">${places.map(({ path, line }, index) => html`${index > 0 ? ', ' : ''}<${Line} mono=${true} text=${line ? `${path}:${line}` : path} />`)}</p>`
        : null
    }
    ${item.input ? html`<p class="label">Input</p><${Output} text=${item.input} label="Input of the tool" />` : null}
    ${content.map((one, index) =>
      one.type === 'diff'
        ? html`<${Diff} key=${index} diff=${one} />`
        : html`<div class="outcome" key=${index}>${item.input ? html`<p class="label">Output</p>` : null}<${Output} text=${one.text} omitted=${one.omitted ?? 0} label="Output of the tool" /></div>`,
    )}
    ${empty ? html`<p class="faint">Nothing to show yet.</p>` : null}
  </div>`;
}

import type { ToolContent } from '@greenroom/sdk/chat';
import { bytes, inert } from '../text.ts';
import { useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { html } from './html.ts';
import { Line } from './parts.ts';

const SHORT_LINES = 60;
const MOST_LINES = 5_000;
const KINDS: Record<string, string> = { '+': 'added', '-': 'removed', '@': 'hunk' };

/** A unified diff. The signs stay, so that nothing depends on colour. */
export function Diff({ diff }: { diff: Extract<ToolContent, { type: 'diff' }> }): VNode {
  const [all, showAll] = useState(false);
  const lines = diff.diff.replace(/\n$/, '').split('\n', MOST_LINES);
  const shown = all ? lines : lines.slice(0, SHORT_LINES);
  return html`<figure class="diff" part="diff">
    <figcaption><${Line} mono=${true} text=${diff.path} /> <span class="faint">${diff.change === 'added' ? 'new file' : ''}</span>
      <span class="count"><span class="plus">+${diff.added}</span> <span class="less">−${diff.removed}</span></span></figcaption>
    <pre tabindex="0" role="group" aria-label="Changes of the file" dir="ltr"><code>${shown.map((line) => html`<span class=${`line ${KINDS[line[0] ?? ''] ?? ''}`}>${inert(line)}\n</span>`)}</code></pre>
    ${
      lines.length > SHORT_LINES || diff.omitted
        ? html`<div class="output-foot">
          ${lines.length > SHORT_LINES ? html`<button type="button" class="link" aria-expanded=${all} onClick=${() => showAll(!all)}>${all ? 'Show less' : `Show all ${lines.length} lines`}</button>` : null}
          ${diff.omitted ? html`<span>${bytes(diff.omitted)} left out</span>` : null}
        </div>`
        : null
    }
  </figure>`;
}

import type { ApprovalView } from '@greenroom/sdk/wire';
import { clock } from '../text.ts';
import { useContext, useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { SurroundingsContext, useShared } from './context.ts';
import { html } from './html.ts';
import { Icon } from './icons.ts';
import { Line } from './parts.ts';

const DECIDED = { approved: 'Approved', denied: 'Denied', expired: 'Nobody decided in time', withdrawn: 'Withdrawn' } as const;

/** The question whether a healthy candidate goes live, or its answer. */
export function ApprovalBar({ attempt, approval }: { attempt: string; approval: ApprovalView }): VNode {
  const { canApprove } = useContext(SurroundingsContext);
  if (approval.state !== 'waiting')
    return html`<p class="faint decided">${DECIDED[approval.state]}${approval.by ? html` by <${Line} text=${approval.by} />` : null}${approval.reason ? html`: <${Line} text=${approval.reason} />` : null}</p>`;
  return html`<div class="approval">
    <p><strong>This version is healthy and waits for a person.</strong> <span class="faint">${clock(approval.until) ? `Until ${clock(approval.until)}.` : ''}</span></p>
    <div class="actions">
      ${isPath(approval.preview_path) ? html`<a class="button" href=${approval.preview_path} target="_blank" rel="noopener noreferrer">Preview <${Icon} name="external" size=${14} /></a>` : null}
      ${canApprove ? html`<${Decide} attempt=${attempt} />` : html`<span class="faint">${approval.preview_path === '' ? 'You may not approve it.' : 'You may look at it, but not approve it.'}</span>`}
    </div>
    ${approval.preview_path === '' ? html`<p class="faint">It cannot be looked at first: that takes the embedded proxy.</p>` : null}
  </div>`;
}

function Decide({ attempt }: { attempt: string }): VNode {
  const { store } = useShared();
  const [busy, setBusy] = useState(false);
  const [reason, setReason] = useState<string | null>(null);
  const decide = (approve: boolean): void => {
    setBusy(true);
    void store.act((api) => (approve ? api.approve(attempt) : api.deny(attempt, reason ?? ''))).then(() => setBusy(false));
  };
  if (reason !== null)
    return html`<form class="deny" onSubmit=${(event: Event) => {
      event.preventDefault();
      decide(false);
    }}>
      <label>Why not? The agent is told. <input value=${reason} maxlength="500" ref=${focusOnce} onInput=${(event: InputEvent) => setReason((event.target as HTMLInputElement).value)} /></label>
      <button class="button danger" disabled=${busy}>Deny</button>
      <button type="button" class="button quiet" onClick=${() => setReason(null)}>Keep waiting</button>
    </form>`;
  return html`<button type="button" class="button primary" disabled=${busy} onClick=${() => decide(true)}>Approve</button>
    <button type="button" class="button" disabled=${busy} onClick=${() => setReason('')}>Deny…</button>`;
}

function focusOnce(input: HTMLInputElement | null): void {
  if (input && !input.dataset['focused']) {
    input.dataset['focused'] = 'yes';
    input.focus();
  }
}

/** A path of this site and nothing else: it comes from the orchestrator, and still it is put into a link. */
function isPath(path: string): boolean {
  return /^\/(?![/\\])/.test(path);
}

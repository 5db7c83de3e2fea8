/** A deploy or rollback as it goes: its steps, what refused it, and what a person can do about it. */
import type { AttemptView } from '@greenroom/sdk/wire';
import { duration, shortCommit } from '../text.ts';
import { useContext, useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { ApprovalBar } from './approval.ts';
import { Bar, kindName, nameOf, outcome, Proof, Steps } from './attempt-parts.ts';
import { SurroundingsContext, useShared } from './context.ts';
import { html } from './html.ts';
import { Icon } from './icons.ts';
import { ConfirmButton, Line } from './parts.ts';

export function AttemptCard({ attempt }: { attempt: AttemptView }): VNode {
  const [open, setOpen] = useState<boolean | null>(null);
  const active = attempt.steps.some((step) => step.status === 'running') || attempt.status === 'running' || attempt.status === 'queued';
  const failed = attempt.status === 'failed' || attempt.status === 'rolled_back';
  const isOpen = open ?? (active || failed);
  const { liveCommit } = useContext(SurroundingsContext);
  const { word, tone } = outcome(attempt, liveCommit);
  return html`<section class=${`card attempt ${tone}`} part="deploy" role="group" aria-label=${`${nameOf(attempt)}: ${word}`}>
    <header>
      <${Icon} name=${attempt.kind === 'rollback' ? 'back' : 'deploy'} />
      <h3>${kindName(attempt)} <span class="mono">${attempt.commit ? shortCommit(attempt.commit) : ''}</span></h3>
      ${attempt.branch ? html`<span class="faint from">from <${Line} text=${attempt.branch} /></span>` : null}
      <span class=${`chip ${tone}`}>${word}</span>
    </header>
    <${Bar} steps=${attempt.steps} />
    ${isOpen ? html`<${Steps} steps=${attempt.steps} over=${failed} />` : null}
    ${attempt.error ? html`<p class="failure"><strong><${Line} text=${attempt.error} /></strong>${attempt.code ? html` <code>${attempt.code}</code>` : null}</p>` : null}
    ${attempt.evidence ? html`<${Proof} evidence=${attempt.evidence} />` : null}
    ${attempt.approval ? html`<${ApprovalBar} attempt=${attempt.id} approval=${attempt.approval} />` : null}
    <footer>
      <button type="button" class="link" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>${isOpen ? 'Hide steps' : 'Show steps'}</button>
      ${attempt.status === 'succeeded' && attempt.duration_ms > 0 ? html`<span class="faint">live after ${duration(attempt.duration_ms)}</span>` : null}
      <${RollBack} attempt=${attempt} />
    </footer>
  </section>`;
}

/** Only for what is live now, and only back to something. */
function RollBack({ attempt }: { attempt: AttemptView }): VNode | null {
  const { canApprove, liveCommit, previousCommit, deploying } = useContext(SurroundingsContext);
  const { store } = useShared();
  const isLive = attempt.promoted && attempt.status === 'succeeded' && attempt.commit === liveCommit;
  const conversation = store.open?.id;
  if (!canApprove || !isLive || !previousCommit || deploying || !conversation) return null;
  return html`<span class="end"><${ConfirmButton} label="Roll back" danger=${true} class="button quiet"
    question=${`Roll back to ${shortCommit(previousCommit)}?`} confirm="Roll back" onConfirm=${() => void store.act((api) => api.rollBack(conversation))} /></span>`;
}

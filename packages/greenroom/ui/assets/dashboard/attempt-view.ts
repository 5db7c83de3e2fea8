import type { DashboardApp } from '@greenroom/sdk/dashboard';
import type { AttemptView as Attempt } from '@greenroom/sdk/wire';
import { clock, duration, shortCommit } from '../text.ts';
import type { VNode } from '../vendor/preact.ts';
import { Bar, kindName, nameOf, outcome, Proof, Steps } from '../views/attempt-parts.ts';
import { html } from '../views/html.ts';
import { Icon } from '../views/icons.ts';
import { Line, Time } from '../views/parts.ts';
import { Decide } from './actions.ts';
import { linkTo } from './route.ts';
import { askedBy } from './words.ts';

const DECIDED = { approved: 'Approved', denied: 'Denied', expired: 'Nobody decided in time', withdrawn: 'Withdrawn' } as const;

/** A deploy or rollback, step by step, with what supports its end. `alone`: on a page of its own, to which it does not link. */
export function AttemptView({ app, attempt, alone = false }: { app: DashboardApp; attempt: Attempt; alone?: boolean }): VNode {
  const over = attempt.status === 'failed' || attempt.status === 'rolled_back';
  const { word, tone } = outcome(attempt, app.status?.live_commit ?? '');
  const { approval } = attempt;
  return html`<article class=${`card attempt ${tone}`} aria-label=${`${nameOf(attempt)}: ${word}`}>
    <header>
      <${Icon} name=${attempt.kind === 'rollback' ? 'back' : 'deploy'} />
      <${alone ? 'h2' : 'h3'}>${kindName(attempt)} <span class="mono">${attempt.commit ? shortCommit(attempt.commit) : ''}</span><//>
      ${attempt.branch ? html`<span class="faint">from <${Line} text=${attempt.branch} /></span>` : null}
      <span class=${`chip ${tone}`}>${word}</span>
    </header>
    <p class="faint small"><${Line} text=${askedBy(attempt)} />, <${Time} value=${attempt.requested_at} />${attempt.reason ? html` · <${Line} text=${attempt.reason} />` : null}</p>
    <${Bar} steps=${attempt.steps} />
    <${Steps} steps=${attempt.steps} over=${over} />
    ${attempt.error ? html`<p class="failure"><strong><${Line} text=${attempt.error} /></strong>${attempt.code ? html` <code>${attempt.code}</code>` : null}</p>` : null}
    ${attempt.evidence ? html`<${Proof} evidence=${attempt.evidence} />` : null}
    ${
      approval?.state === 'waiting'
        ? html`<div class="approval"><p><strong>This version is healthy and waits for a person.</strong> <span class="faint">${clock(approval.until) ? `Until ${clock(approval.until)}.` : ''}</span></p>
            <div class="actions"><${Preview} app=${app} path=${approval.preview_path} /><${Decide} app=${app} attempt=${attempt} /></div></div>`
        : approval
          ? html`<p class="faint decided">${DECIDED[approval.state]}${approval.by ? html` by <${Line} text=${approval.by} />` : null}${approval.reason ? html`: <${Line} text=${approval.reason} />` : null}</p>`
          : null
    }
    <${Foot} app=${app} attempt=${attempt} alone=${alone} />
  </article>`;
}

function Foot({ app, attempt, alone }: { app: DashboardApp; attempt: Attempt; alone: boolean }): VNode | null {
  const took = attempt.duration_ms > 0 ? `${attempt.promoted ? 'live' : 'decided'} after ${duration(attempt.duration_ms)}` : '';
  if (alone && took === '') return null;
  return html`<footer>
    <span class="faint">${took}</span>
    ${alone ? null : html`<a class="link end" href=${linkTo({ name: 'attempt', app: app.name, id: attempt.id })}>What it changes</a>`}
  </footer>`;
}

/** The app's own address with the candidate behind a secret path; only a path of it, whatever the orchestrator says. */
function Preview({ app, path }: { app: DashboardApp; path: string }): VNode | null {
  if (path === '') return html`<span class="faint">It cannot be looked at first: that takes the embedded proxy.</span>`;
  const [address] = app.addresses.filter((one) => /^https?:\/\//.test(one));
  if (!address || !/^\/(?![/\\])/.test(path)) return null;
  const href = new URL(path, address).href;
  return html`<a class="button" href=${href} target="_blank" rel="noopener noreferrer">Preview <${Icon} name="external" size=${14} /></a>`;
}

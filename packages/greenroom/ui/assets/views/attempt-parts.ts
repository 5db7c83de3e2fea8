/** The parts of a deploy or rollback, as chat and dashboard show them. */
import type { AttemptView, Evidence, StepName, StepStatus, StepView } from '@greenroom/sdk/wire';
import { duration, inertLine, shortCommit } from '../text.ts';
import type { VNode } from '../vendor/preact.ts';
import { html } from './html.ts';
import { Icon, type IconName } from './icons.ts';
import { Line, Output } from './parts.ts';

/** What each step does, for those who do not know its name. */
const MEANING: Record<StepName, string> = {
  resolve: 'find the commit',
  gate: 'check what may go live',
  prepare: 'check it out',
  boot: 'start it',
  probe: 'try it',
  promote: 'make it live',
  retire: 'let the old version finish',
  publish: 'push it',
  watch: 'keep an eye on it',
};
const ICONS: Record<StepStatus, { icon: IconName; word: string }> = {
  pending: { icon: 'dot', word: 'to do' },
  running: { icon: 'clock', word: 'running' },
  succeeded: { icon: 'check', word: 'done' },
  failed: { icon: 'close', word: 'failed' },
  skipped: { icon: 'minus', word: 'skipped' },
};
const NOT_REACHED = { icon: 'minus', word: 'not reached' } as const;

/** One name each: as a heading, while it runs, and when it came to nothing. */
const KINDS: Record<AttemptView['kind'], { name: string; running: string; failed: string }> = {
  deploy: { name: 'Deploy', running: 'Deploying', failed: 'Not deployed' },
  rollback: { name: 'Rollback', running: 'Rolling back', failed: 'Not rolled back' },
  restart: { name: 'Restart', running: 'Restarting', failed: 'Not restarted' },
};

export const kindName = ({ kind }: AttemptView): string => KINDS[kind].name;

export function nameOf(attempt: AttemptView): string {
  return `${kindName(attempt)} ${shortCommit(attempt.commit)}`;
}

export function outcome(attempt: AttemptView, liveCommit: string): { word: string; tone: 'busy' | 'good' | 'bad' | 'wait' | 'done' } {
  if (attempt.approval?.state === 'waiting' && attempt.status === 'running') return { word: 'Waits for approval', tone: 'wait' };
  switch (attempt.status) {
    case 'queued':
      return { word: 'Queued', tone: 'wait' };
    case 'running':
      return { word: attempt.promoted ? 'Live, finishing' : KINDS[attempt.kind].running, tone: 'busy' };
    case 'succeeded':
      if (liveCommit !== '' && liveCommit !== attempt.commit) return { word: 'Was live', tone: 'done' };
      return attempt.steps.some((step) => step.step === 'watch' && step.status === 'running')
        ? { word: 'Live, watched', tone: 'good' }
        : { word: 'Live', tone: 'good' };
    case 'failed':
      if (attempt.approval?.state === 'denied') return { word: 'Denied', tone: 'bad' };
      return { word: KINDS[attempt.kind].failed, tone: 'bad' };
    case 'rolled_back':
      return { word: 'Rolled back', tone: 'bad' };
  }
}

export function Bar({ steps }: { steps: StepView[] }): VNode {
  return html`<div class="bar" aria-hidden="true">${steps.map((step) => html`<i class=${step.status} />`)}</div>`;
}

export function Steps({ steps, over }: { steps: StepView[]; over: boolean }): VNode {
  return html`<ol class="steps">${steps.map((step) => html`<${Step} key=${step.step} step=${step} over=${over} />`)}</ol>`;
}

function Step({ step, over }: { step: StepView; over: boolean }): VNode {
  const { icon, word } = over && step.status === 'pending' ? NOT_REACHED : ICONS[step.status];
  return html`<li class=${step.status}>
    <${Icon} name=${icon} />
    <span class="step-name">${step.step}<span class="sr"> ${word}</span></span>
    <span class="step-detail">${step.error ? html`<${Line} text=${step.error} />` : step.detail ? html`<${Line} text=${step.detail} />` : MEANING[step.step]}</span>
    <span class="faint">${step.duration_ms > 0 ? duration(step.duration_ms) : ''}</span>
  </li>`;
}

/** What supports a failure, each part only when there is one. */
export function Proof({ evidence }: { evidence: Evidence }): VNode {
  const { request, log_tail: log } = evidence;
  const place = evidence.file ? `${evidence.file}${evidence.line ? `:${evidence.line}` : ''}` : '';
  const rows: [string, string][] = [
    ['Rule', evidence.rule ?? ''],
    ['Place', place],
    ['Fingerprint', evidence.fingerprint ?? ''],
    ['Commit', evidence.commit ? shortCommit(evidence.commit) : ''],
    ['Command', evidence.command ?? ''],
    ['Ended', evidence.exit?.description ?? ''],
    ['Request', request ? `${request.method} ${request.url}` : ''],
    ['Expected', request?.expected ?? ''],
    ['Got', request ? [request.status ? `status ${request.status}` : '', request.error ?? ''].filter(Boolean).join(', ') : ''],
    ['Log', evidence.log_file ?? ''],
  ];
  return html`<div class="proof">
    ${evidence.remedy ? html`<p class="remedy"><${Icon} name="info" /> <${Line} text=${evidence.remedy} /></p>` : null}
    <dl>${rows.filter(([, value]) => value).map(([name, value]) => html`<dt>${name}</dt><dd><bdi>${inertLine(value)}</bdi></dd>`)}</dl>
    ${request?.body ? html`<p class="label">Answer</p><${Output} text=${request.body} label="Answer to the request" />` : null}
    ${log && log.length > 0 ? html`<p class="label">Last lines of its output</p><${Output} text=${log.join('\n')} label="Last lines of the log" />` : null}
  </div>`;
}

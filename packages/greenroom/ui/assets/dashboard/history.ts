import type { DashboardApp } from '@greenroom/sdk/dashboard';
import type { AttemptView } from '@greenroom/sdk/wire';
import { duration, shortCommit } from '../text.ts';
import { useEffect, useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { kindName, outcome } from '../views/attempt-parts.ts';
import { html } from '../views/html.ts';
import { Line, Time } from '../views/parts.ts';
import { useDashboard } from './context.ts';
import { linkTo } from './route.ts';
import { Scroll } from './scroll.ts';
import { askedBy } from './words.ts';

const SHOWN_AT_FIRST = 10;

/** Every attempt, newest first. The newest come with the app's state, the older ones when they are asked for. */
export function History({ app }: { app: DashboardApp }): VNode {
  const { api } = useDashboard();
  const recent = app.status?.deploys ?? [];
  const [older, setOlder] = useState<AttemptView[]>([]);
  const [all, showAll] = useState(false);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    if (!all) return;
    void api.deploys(app.name).then((answer) => {
      if (answer.ok) setOlder(answer.value);
      else setProblem(answer.refusal.error);
    });
  }, [all, app.name, recent[0]?.id]);
  const fresh = new Map(recent.map((attempt) => [attempt.id, attempt]));
  const known = [...recent, ...older.filter((attempt) => !fresh.has(attempt.id))];
  const shown = all ? known : known.slice(0, SHOWN_AT_FIRST);
  if (shown.length === 0) return html`<p class="faint">No deploy yet.</p>`;
  return html`<${Scroll} label="Attempts"><table class="history">
    <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Outcome</th><th scope="col" class="number">Took</th><th scope="col">By</th><th scope="col">Why</th></tr></thead>
    <tbody>${shown.map((attempt) => html`<${Row} key=${attempt.id} app=${app} attempt=${attempt} />`)}</tbody>
  </table><//>
  ${problem ? html`<p class="problem" role="status"><${Line} text=${problem} /></p>` : null}
  ${!all && recent.length >= SHOWN_AT_FIRST ? html`<button type="button" class="link" onClick=${() => showAll(true)}>Show older ones</button>` : null}`;
}

function Row({ app, attempt }: { app: DashboardApp; attempt: AttemptView }): VNode {
  const { word, tone } = outcome(attempt, app.status?.live_commit ?? '');
  const why = attempt.error ?? attempt.reason;
  const name = attempt.commit ? shortCommit(attempt.commit) : attempt.branch;
  return html`<tr>
    <td><${Time} value=${attempt.requested_at} /></td>
    <td><a class="link" href=${linkTo({ name: 'attempt', app: app.name, id: attempt.id })}>${kindName(attempt)} <${Line} mono=${true} text=${name} /></a></td>
    <td><span class=${`chip ${tone}`}>${word}</span></td>
    <td class="number">${attempt.duration_ms > 0 ? duration(attempt.duration_ms) : ''}</td>
    <td><${Line} text=${askedBy(attempt)} /></td>
    <td class="why"><${Line} text=${why} /></td>
  </tr>`;
}

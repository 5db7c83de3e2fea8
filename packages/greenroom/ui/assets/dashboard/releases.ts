import type { DashboardApp } from '@greenroom/sdk/dashboard';
import type { SchemaReleaseView, SchemaView, SlotView } from '@greenroom/sdk/wire';
import { inertLine, shortCommit } from '../text.ts';
import type { VNode } from '../vendor/preact.ts';
import { html } from '../views/html.ts';
import { Time } from '../views/parts.ts';
import { useDashboard } from './context.ts';
import { Scroll } from './scroll.ts';
import { rate, size } from './words.ts';

const ROLES: Record<SlotView['role'], { word: string; tone: string }> = {
  live: { word: 'Live', tone: 'good' },
  standby: { word: 'Standby, runs', tone: '' },
  previous: { word: 'To roll back to', tone: '' },
  candidate: { word: 'Candidate', tone: 'busy' },
  retiring: { word: 'Finishing', tone: 'wait' },
  empty: { word: 'Empty', tone: '' },
  idle: { word: 'Idle', tone: '' },
};

/** Both slots: what is in them, and what their instances take. */
export function Releases({ app }: { app: DashboardApp }): VNode {
  const store = useDashboard();
  const { status } = app;
  const load = store.loads(app.name).at(-1);
  return html`<${Scroll} label="Slots and what runs in them"><table>
    <thead><tr><th scope="col">Slot</th><th scope="col">Commit</th><th scope="col">Role</th><th scope="col" class="number">Memory</th><th scope="col" class="number">CPU</th></tr></thead>
    <tbody>${(status?.slots ?? []).map((slot) => {
      const its = load?.releases.find((release) => release.instance === slot.instance);
      const { word, tone } = ROLES[slot.role];
      return html`<tr key=${slot.slot}>
        <th scope="row">${slot.slot}</th>
        <td class="mono">${shortCommit(slot.commit) || '–'}</td>
        <td><span class=${`chip ${tone}`}>${word}</span></td>
        <td class="number">${its?.memory_bytes == null ? '–' : size(its.memory_bytes)}</td>
        <td class="number">${its?.cpu_percent == null ? '–' : `${rate(its.cpu_percent)}%`}</td>
      </tr>`;
    })}</tbody>
  </table><//>
  ${status?.schema ? html`<${Schema} schema=${status.schema} />` : null}
  ${status?.last_deploy_time ? html`<p class="faint small">Live since <${Time} value=${status.last_deploy_time} />.</p>` : null}`;
}

const FITS: Record<SchemaReleaseView['role'], Record<SchemaReleaseView['fits'], string>> = {
  live: { yes: 'works with it', no: 'does not work with it', unknown: 'not known to work with it' },
  previous: { yes: 'rollback allowed', no: 'rollback refused', unknown: 'rollback perhaps refused' },
};

/** The database's schema, and which release works with it. */
function Schema({ schema }: { schema: SchemaView }): VNode {
  const { now, problem, releases } = schema;
  return html`<p class="small">${now ? `Schema version ${now.current_schema_version}${now.pending_migrations > 0 ? `, ${now.pending_migrations} pending` : ''}.` : inertLine(problem)}</p>
  <ul class="small">${releases.map((one) => html`<li><span class="mono">${shortCommit(one.commit)}</span> <span class=${`chip ${one.fits === 'no' ? 'bad' : one.fits === 'yes' ? 'good' : 'wait'}`}>${FITS[one.role][one.fits]}</span> ${inertLine(one.why)}</li>`)}</ul>`;
}

import type { DashboardApp } from '@greenroom/sdk/dashboard';
import type { SlotView } from '@greenroom/sdk/wire';
import { shortCommit } from '../text.ts';
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
  ${status?.last_deploy_time ? html`<p class="faint small">Live since <${Time} value=${status.last_deploy_time} />.</p>` : null}`;
}

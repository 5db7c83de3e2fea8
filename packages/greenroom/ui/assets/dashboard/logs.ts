import type { DashboardApp } from '@greenroom/sdk/dashboard';
import type { LogOwner } from '@greenroom/sdk/wire';
import { followStream } from '../follow.ts';
import { inert, inertLine, shortCommit } from '../text.ts';
import { useEffect, useLayoutEffect, useRef, useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { html } from '../views/html.ts';
import { useDashboard } from './context.ts';
import { HIDDEN_MS } from './hidden.ts';

/** So that a page that is open for days does not grow. */
const MOST_LINES = 2_000;

interface Shown {
  owner: LogOwner | null;
  lines: string[];
  problem: string;
  ended: boolean;
}

/** What an instance writes, as it writes it; with `live`, over swaps. */
export function Logs({ app }: { app: DashboardApp }): VNode {
  const [instance, choose] = useState('live');
  const [paused, pause] = useState(false);
  const { owner, lines, problem, ended } = useLog(app, instance, paused);
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  const onScroll = (): void => {
    const { scrollTop, scrollHeight, clientHeight } = box.current ?? { scrollTop: 0, scrollHeight: 0, clientHeight: 0 };
    atEnd.current = scrollHeight - scrollTop - clientHeight < 30;
  };
  const instances = (app.status?.slots ?? []).filter((slot) => slot.instance !== '');
  return html`<div class="logs">
    <div class="log-tools">
      <label>Of <select value=${instance} onChange=${(event: Event) => choose((event.target as HTMLSelectElement).value)}>
        <option value="live">what is live</option>
        ${instances.map((slot) => html`<option key=${slot.instance} value=${slot.instance}>${`slot ${slot.slot}, ${shortCommit(slot.commit)}`}</option>`)}
      </select></label>
      <button type="button" class="button" aria-pressed=${paused} onClick=${() => pause(!paused)}>${paused ? 'Go on' : 'Pause'}</button>
      <span class="faint small">${owner ? `${inertLine(owner.instance)}, slot ${owner.slot}, ${shortCommit(owner.commit)}` : ''}${ended ? ' · ended' : ''}</span>
    </div>
    <pre class="log" tabindex="0" role="log" aria-live="off" aria-label=${`Output of ${app.name}`} dir="ltr" ref=${box} onScroll=${onScroll}>${lines.length > 0 ? inert(lines.join('\n')) : html`<span class="faint">${problem ? inertLine(problem) : 'Nothing yet.'}</span>`}</pre>
  </div>`;
}

function useLog(app: DashboardApp, instance: string, paused: boolean): Shown {
  const { api } = useDashboard();
  const [shown, show] = useState<Shown>({ owner: null, lines: [], problem: '', ended: false });
  useEffect(() => {
    if (paused) return undefined;
    let now: Shown = { owner: null, lines: [], problem: '', ended: false };
    let drawing = 0;
    const set = (change: Partial<Shown>): void => {
      now = { ...now, ...change };
      // A busy app writes more often than anybody can read.
      if (drawing === 0)
        drawing = requestAnimationFrame(() => {
          drawing = 0;
          show(now);
        });
    };
    const stream = followStream({
      open: (signal) => api.logs(app.name, instance, signal),
      event({ event, data }) {
        if (event === 'instance') {
          const owner = JSON.parse(data) as LogOwner;
          const other = now.owner !== null && now.owner.instance !== owner.instance;
          set({
            owner,
            problem: '',
            lines: other ? [...now.lines, `── from here on: ${owner.instance}, ${shortCommit(owner.commit)}`] : [],
          });
        } else if (event === 'lines') set({ lines: [...now.lines, ...(JSON.parse(data) as string[])].slice(-MOST_LINES) });
        else if (event === 'problem') set({ problem: (JSON.parse(data) as { error: string }).error });
        else if (event === 'end') {
          set({ ended: true });
          stream.close();
        }
      },
      hiddenMs: HIDDEN_MS,
      connection: () => undefined,
      refused: (_, refusal) => set({ problem: refusal.error }),
    });
    return () => {
      stream.close();
      cancelAnimationFrame(drawing);
    };
  }, [app.name, instance, paused]);
  return shown;
}

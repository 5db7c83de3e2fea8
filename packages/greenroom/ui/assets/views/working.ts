import type { ChatTurn } from '@greenroom/sdk/chat';
import { duration } from '../text.ts';
import type { Timeline } from '../timeline.ts';
import { useEffect, useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { html } from './html.ts';

/** That the agent works, and for how long. */
export function Working({ turn, timeline }: { turn: ChatTurn; timeline: Timeline }): VNode {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const started = timeline.turns.get(turn.id)?.started || turn.created_at;
  const seconds = Math.max(0, Math.floor((now - Date.parse(started)) / 1000)) * 1000;
  return html`<p class="working"><span class="pulse" aria-hidden="true"><i /><i /><i /></span>Working${seconds >= 3000 ? html` <span class="faint">${duration(seconds).replace('.0', '')}</span>` : null}</p>`;
}

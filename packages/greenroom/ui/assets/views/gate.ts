/** What stands in the conversation's place while there is none to show. */

import { inertLine } from '../text.ts';
import { useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { useStore } from './context.ts';
import { html } from './html.ts';
import { Icon } from './icons.ts';

export function Gate(): VNode {
  const store = useStore();
  const { phase } = store;
  if (phase.name === 'login') return html`<${Login} />`;
  if (phase.name === 'refused')
    return html`<div class="gate" role="alert"><${Icon} name="shield" size=${28} /><p>${inertLine(phase.refusal.error)}</p></div>`;
  if (phase.name === 'unreachable')
    return html`<div class="gate" role="status"><p>The chat service cannot be reached. Trying again…</p></div>`;
  return html`<div class="gate" role="status"><p class="faint">Loading…</p></div>`;
}

function Login(): VNode {
  const store = useStore();
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(await store.login(token.trim()));
    setBusy(false);
  };
  return html`<form class="gate login" onSubmit=${submit}>
    <${Icon} name="shield" size=${28} />
    <h3>Log in to the chat</h3>
    <p class="faint">Enter the token that the operator of this app gave you.</p>
    <label>Token <input type="password" autocomplete="current-password" required value=${token} aria-invalid=${problem ? 'true' : undefined} aria-describedby=${problem ? 'login-problem' : undefined}
      onInput=${(event: InputEvent) => setToken((event.target as HTMLInputElement).value)} /></label>
    ${problem ? html`<p class="problem" id="login-problem" role="alert">${inertLine(problem)}</p>` : null}
    <button class="button primary" disabled=${busy || token.trim() === ''}>Log in</button>
  </form>`;
}

/** A conversation without messages. */
export function Welcome(): VNode {
  const store = useStore();
  const session = store.phase.name === 'ready' ? store.phase.session : null;
  const agent = inertLine(session?.agent ?? '');
  return html`<div class="gate welcome">
    <${Icon} name="leaf" size=${32} />
    <h3>What should change?</h3>
    <p>${agent ? `${agent} changes` : 'The agent changes'} the code of ${session?.app ? inertLine(session.app) : 'this app'}, tries it out and ships it${session?.approval ? ' once it is approved' : ''}, while you watch.</p>
    ${session?.scripted ? html`<p class="faint">This is a scripted demo: it follows a fixed set of requests, and no model is asked.</p>` : null}
    ${session && !agent ? html`<p class="problem" role="status">No coding agent was found. The operator can install one, or name it in the contract’s <code>agent.command</code>.</p>` : null}
  </div>`;
}

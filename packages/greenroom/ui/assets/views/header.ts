import { inertLine, shortCommit } from '../text.ts';
import type { VNode } from '../vendor/preact.ts';
import { useShared, useStore } from './context.ts';
import { html } from './html.ts';
import { IconButton, Line } from './parts.ts';

export function Header(props: { listOpen: boolean; toggleList: () => void; listButton: unknown }): VNode {
  const store = useStore();
  const { look } = useShared();
  const conversation = store.conversations.find((one) => one.id === store.open?.id);
  const title = look.heading || inertLine(conversation?.title ?? '') || (store.open ? 'Conversation' : 'New conversation');
  const ready = store.phase.name === 'ready';
  return html`<header class="top" part="header">
    ${ready ? html`<${IconButton} icon="menu" label="Conversations" expanded=${props.listOpen} onClick=${props.toggleList} class="list-toggle" innerRef=${props.listButton} />` : null}
    <div class="title"><h2><bdi>${title}</bdi></h2><${Status} /></div>
    ${ready ? html`<${IconButton} icon="plus" label="New conversation" class="new-top" onClick=${() => store.select('')} />` : null}
    ${look.floating ? html`<${IconButton} icon="close" label="Close the chat" onClick=${look.close} />` : null}
  </header>`;
}

/** The app's state in a few words; the mark before them repeats it for the eye. */
function Status(): VNode {
  const store = useStore();
  const { tone, words } = statusOf(store);
  return html`<p class=${`status ${tone}`}><i aria-hidden="true" />${words}${store.phase.name === 'ready' && store.phase.session.scripted ? html`<span class="chip wait" title="It follows a fixed script; no model is asked.">scripted demo</span>` : null}</p>`;
}

function statusOf(store: ReturnType<typeof useStore>): { tone: 'good' | 'bad' | 'busy' | 'none'; words: unknown } {
  if (store.phase.name === 'unreachable' || store.open?.connection === 'offline') return { tone: 'bad', words: 'Reconnecting…' };
  const app = store.state?.app;
  if (store.phase.name === 'ready' && !store.state) return { tone: 'none', words: html`<${Line} text=${store.phase.session.app} />` };
  if (!store.state) return { tone: 'none', words: '' };
  if (!app) return { tone: 'bad', words: 'The orchestrator does not answer' };
  const live = html`<span class="mono">${shortCommit(app.live_commit)}</span>`;
  if (app.deploying) return { tone: 'busy', words: 'Deploying' };
  if (!app.live_commit) return { tone: 'none', words: 'Nothing is live yet' };
  if (!app.healthy) return { tone: 'bad', words: html`${live} is live, not healthy` };
  return { tone: 'good', words: html`${live} is live, healthy${app.frozen ? ', deploys frozen' : ''}` };
}

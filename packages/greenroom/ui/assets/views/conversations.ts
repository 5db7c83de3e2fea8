import type { ChatConversation } from '@greenroom/sdk/chat';
import { inertLine } from '../text.ts';
import { useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { useStore } from './context.ts';
import { html } from './html.ts';
import { Icon } from './icons.ts';
import { ConfirmButton, IconButton, Line, Time } from './parts.ts';

/** The list of conversations: beside the open one where there is room, over it where there is none. */
export function Conversations({ done }: { done: () => void }): VNode {
  const store = useStore();
  const choose = (id: string): void => {
    store.select(id);
    done();
  };
  const { phase } = store;
  return html`<nav class="list" part="conversations" aria-label="Conversations">
    <button type="button" class="button new" onClick=${() => choose('')}><${Icon} name="plus" /> New conversation</button>
    ${store.conversations.length === 0 ? html`<p class="faint">No conversations yet.</p>` : null}
    <ul>${store.conversations.map((one) => html`<${Entry} key=${one.id} conversation=${one} current=${one.id === store.open?.id} choose=${() => choose(one.id)} />`)}</ul>
    ${
      phase.name === 'ready'
        ? html`<p class="who faint"><${Line} text=${phase.session.user.name} />${phase.session.login ? html` · <button type="button" class="link" onClick=${() => store.logout()}>Log out</button>` : null}</p>`
        : null
    }
  </nav>`;
}

function Entry({ conversation, current, choose }: { conversation: ChatConversation; current: boolean; choose: () => void }): VNode {
  const store = useStore();
  const [title, setTitle] = useState<string | null>(null);
  const name = inertLine(conversation.title) || 'Untitled';
  const runs = store.state?.running?.conversation === conversation.id;
  if (title !== null)
    return html`<li class="entry"><form onSubmit=${(event: Event) => {
      event.preventDefault();
      if (title.trim()) store.rename(conversation.id, title.trim());
      setTitle(null);
    }} onKeyDown=${(event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      setTitle(null);
    }}>
      <input aria-label="New title" value=${title} maxlength="200" ref=${(input: HTMLInputElement | null) => input?.getRootNode() instanceof ShadowRoot && !isInside(input) && input.focus()} onInput=${(event: InputEvent) => setTitle((event.target as HTMLInputElement).value)} />
      <button class="button primary">Save</button></form></li>`;
  return html`<li class=${`entry ${current ? 'current' : ''}`}>
    <button type="button" class="choose" aria-current=${current ? 'true' : undefined} onClick=${choose}>
      <span class="name"><bdi>${name}</bdi></span>
      <span class="faint">${runs ? 'working · ' : ''}<${Time} value=${conversation.updated_at} /></span>
    </button>
    <span class="entry-actions">
      <${IconButton} icon="edit" label=${`Rename ${name}`} onClick=${() => setTitle(conversation.title)} />
      <${ConfirmButton} label=${`Delete ${name}`} question="Delete it for good?" confirm="Delete" danger=${true} class="icon-button" onConfirm=${() => store.remove(conversation.id)}><${Icon} name="trash" size=${18} /><//>
    </span>
  </li>`;
}

function isInside(input: HTMLInputElement): boolean {
  return (input.getRootNode() as ShadowRoot).activeElement === input;
}

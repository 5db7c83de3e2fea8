import { plural } from '../text.ts';
import { useEffect, useLayoutEffect, useRef } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { useShared, useStore } from './context.ts';
import { html } from './html.ts';
import { Icon } from './icons.ts';

/** Where messages are written: Enter sends, Shift and Enter make a line. What is typed survives a reload. */
export function Composer(): VNode {
  const store = useStore();
  const { look } = useShared();
  const field = useRef<HTMLTextAreaElement>(null);
  const draft = store.draft;
  const running = store.state?.running ?? null;
  const isHere = running !== null && running.conversation === store.open?.id;

  useLayoutEffect(() => {
    const box = field.current;
    if (!box) return;
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight}px`;
  }, [draft]);
  const id = store.open?.id ?? '';
  const drawn = useRef(false);
  useEffect(() => {
    // Asked for by the page or the panel, or by a click on "New conversation"; a page that merely loads keeps its focus.
    if (look.takeFocus() || (drawn.current && id === '')) field.current?.focus({ preventScroll: true });
    drawn.current = true;
  }, [id]);

  const send = (): void => {
    const text = draft.trim();
    if (text) store.send(text);
    field.current?.focus();
  };
  const keyDown = (event: KeyboardEvent): void => {
    // Enter also ends the writing of a character in Japanese or Chinese.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  return html`<form class="composer" part="composer" onSubmit=${(event: Event) => {
    event.preventDefault();
    send();
  }}>
    <${Queue} />
    <div class="field">
      <textarea ref=${field} rows="1" dir="auto" aria-label="Message to the agent" placeholder=${look.placeholder} value=${draft}
        enterkeyhint="send" onKeyDown=${keyDown} onInput=${(event: InputEvent) => {
          store.draft = (event.target as HTMLTextAreaElement).value;
        }}></textarea>
      ${
        isHere && running
          ? html`<button type="button" class="round stop" aria-label="Stop the agent" title="Stop the agent" onClick=${() => void store.act((api) => api.cancelTurn(running.id))}><${Icon} name="stop" size=${18} /></button>`
          : null
      }
      <button class="round send" aria-label="Send" title="Send (Enter)" disabled=${draft.trim() === ''}><${Icon} name="arrow" size=${18} /></button>
    </div>
  </form>`;
}

function Queue(): VNode | null {
  const store = useStore();
  const { running, queued } = store.state ?? { running: null, queued: [] };
  const here = queued.filter((turn) => turn.conversation === store.open?.id).length;
  const others = running && running.conversation !== store.open?.id;
  if (here === 0 && !others) return null;
  const waits = here > 0 ? `${plural(here, 'message')} ${here === 1 ? 'waits' : 'wait'}.` : '';
  return html`<p class="queue" role="status"><${Icon} name="clock" size=${14} /> ${others ? `The agent is at work in another conversation. ${waits || 'A message waits until it is done.'}` : waits}</p>`;
}

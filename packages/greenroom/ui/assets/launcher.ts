/** The floating mode: a button in a corner of the page that opens the chat in a panel. */

import { CLOSE_EVENT, ELEMENT_NAME } from './element.ts';
import { createMemory } from './memory.ts';
import { launcherSheets } from './styles/sheets.ts';

export const LAUNCHER_NAME = 'greenroom-launcher';
/** Attributes of the script tag that the chat gets. */
const PASSED_ON = ['endpoint', 'conversation', 'theme', 'placeholder', 'heading', 'auto-reload'];

/** What the page may style of the chat within. */
const PARTS =
  'chat, header, conversations, composer, tool, diff, deploy, message, text, thought, plan, permission, commit, attempt, notice';

export class GreenroomLauncher extends HTMLElement {
  readonly #memory = createMemory('launcher');
  readonly #button = document.createElement('button');
  readonly #panel = document.createElement('div');

  connectedCallback(): void {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = launcherSheets();
    this.#button.type = 'button';
    this.#button.className = 'launcher';
    this.#button.setAttribute('part', 'launcher');
    this.#button.append(speechBubble());
    this.#panel.className = 'panel';
    this.#panel.setAttribute('part', 'panel');
    this.#panel.setAttribute('role', 'dialog');
    this.#panel.setAttribute('aria-label', 'Chat with the agent');
    this.#panel.addEventListener(CLOSE_EVENT, () => this.#show(false, true), { capture: true });
    this.#panel.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !event.defaultPrevented) this.#show(false, true);
    });
    this.#button.addEventListener('click', () => this.#show(!this.hasAttribute('open'), true));
    root.append(this.#panel, this.#button);
    const kept = this.#memory.get('open');
    this.#show(kept === '' ? this.hasAttribute('data-open') : kept === 'yes', false);
  }

  /** The chat is made when it is first wanted: a closed one costs the page nothing. */
  #show(open: boolean, byUser: boolean): void {
    this.#panel.hidden = !open;
    this.#button.setAttribute('aria-expanded', String(open));
    this.#button.setAttribute('aria-label', open ? 'Close the chat' : 'Chat with the agent');
    this.toggleAttribute('open', open);
    if (open && !this.#panel.firstChild) {
      const chat = document.createElement(ELEMENT_NAME);
      chat.setAttribute('floating', '');
      for (const name of PASSED_ON) if (this.hasAttribute(`data-${name}`)) chat.setAttribute(name, this.getAttribute(`data-${name}`) ?? '');
      chat.setAttribute('exportparts', PARTS);
      this.#panel.append(chat);
    }
    if (!byUser) return;
    this.#memory.set('open', open ? 'yes' : 'no');
    if (open) (this.#panel.firstChild as HTMLElement).focus();
    else this.#button.focus();
  }
}

function speechBubble(): SVGElement {
  const make = (name: string, attributes: Record<string, string>): SVGElement => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name) as SVGElement;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const picture = make('svg', {
    viewBox: '0 0 24 24',
    width: '26',
    height: '26',
    fill: 'none',
    stroke: 'currentColor',
    'stroke-width': '1.75',
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
    'aria-hidden': 'true',
  });
  picture.append(
    make('path', {
      d: 'M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v8a2.5 2.5 0 0 1-2.5 2.5H11l-5 4v-4.2a2.5 2.5 0 0 1-2-2.3zM8 9h8m-8 3.5h5',
    }),
  );
  return picture;
}

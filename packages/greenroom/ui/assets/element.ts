/** `<greenroom-chat>`: everything in a shadow tree, so that page and chat do not touch each other's styles. */
import { type Api, createApi } from './api.ts';
import { createMemory } from './memory.ts';
import { createStore, type Store } from './store/store.ts';
import { styleSheets } from './styles/sheets.ts';
import { h, render } from './vendor/preact.ts';
import { App } from './views/app.ts';

export const ELEMENT_NAME = 'greenroom-chat';
export const CLOSE_EVENT = 'greenroom-close';
const DEFAULT_PLACEHOLDER = 'Ask for a change…';

/** Where `chat.js` came from is where the service is: modules of ours lie at `<chat path>/assets/<version>/`. */
const SERVICE = new URL('../../', import.meta.url).href.replace(/\/$/, '');

export class GreenroomChat extends HTMLElement {
  static readonly observedAttributes = ['endpoint', 'conversation', 'placeholder', 'heading', 'floating', 'standalone', 'auto-reload'];
  readonly #root = this.attachShadow({ mode: 'open' });
  #store: Store | undefined;
  #focusWanted = false;

  connectedCallback(): void {
    this.#root.adoptedStyleSheets = styleSheets();
    this.#begin();
  }

  disconnectedCallback(): void {
    this.#end();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (!this.#store || before === after) return;
    if (name === 'endpoint') {
      this.#end();
      this.#begin();
    } else if (name === 'conversation') this.#store.select(after ?? '');
    else this.#draw();
  }

  /** Puts the cursor where messages are written. */
  override focus(options?: FocusOptions): void {
    const field = this.#root.querySelector('textarea');
    if (field) field.focus(options);
    else this.#focusWanted = true;
  }

  #begin(): void {
    const endpoint = new URL(this.getAttribute('endpoint') || SERVICE, document.baseURI).href.replace(/\/$/, '');
    const api: Api = createApi(endpoint);
    // Elements of one page that have ids remember each their own conversation.
    const memory = createMemory(this.id ? `${endpoint}#${this.id}` : endpoint);
    this.#store = createStore(api, memory, { conversation: this.getAttribute('conversation') ?? '' });
    // A page with nothing else; on a touch screen the keyboard would cover half of it.
    if (this.hasAttribute('standalone') && matchMedia('(pointer: fine)').matches) this.#focusWanted = true;
    this.#store.start();
    this.#draw();
  }

  #end(): void {
    this.#store?.stop();
    this.#store = undefined;
    render(null, this.#root);
  }

  #draw(): void {
    if (!this.#store) return;
    const look = {
      heading: this.getAttribute('heading') ?? '',
      placeholder: this.getAttribute('placeholder') || DEFAULT_PLACEHOLDER,
      floating: this.hasAttribute('floating'),
      standalone: this.hasAttribute('standalone'),
      autoReload: this.hasAttribute('auto-reload'),
      takeFocus: () => {
        const wanted = this.#focusWanted;
        this.#focusWanted = false;
        return wanted;
      },
      close: () => this.dispatchEvent(new CustomEvent(CLOSE_EVENT)),
    };
    render(h(App, { store: this.#store, look }), this.#root);
  }
}

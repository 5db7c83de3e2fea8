/**
 * What a page loads: `<script type="module" src="/.greenroom/chat.js"></script>`. Defines `<greenroom-chat>`. A page without one gets a floating button
 * that opens the chat; `data-…` attributes of the script tag set it up.
 */
import { ELEMENT_NAME, GreenroomChat } from './assets/element.ts';
import { GreenroomLauncher, LAUNCHER_NAME } from './assets/launcher.ts';

// The page may load this twice, by two addresses.
if (!customElements.get(ELEMENT_NAME)) {
  customElements.define(ELEMENT_NAME, GreenroomChat);
  customElements.define(LAUNCHER_NAME, GreenroomLauncher);
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', float, { once: true });
  else float();
}

/** Scripts of type module run when the page is read, so that an element of the page is there by now. */
function float(): void {
  const script = [...document.querySelectorAll<HTMLScriptElement>('script[type="module"][src]')].find((one) => one.src === import.meta.url);
  if (!script || script.dataset['float'] === 'no' || document.querySelector(`${ELEMENT_NAME}, ${LAUNCHER_NAME}`)) return;
  const launcher = document.createElement(LAUNCHER_NAME);
  for (const { name, value } of script.attributes) if (name.startsWith('data-')) launcher.setAttribute(name, value);
  document.body.append(launcher);
}

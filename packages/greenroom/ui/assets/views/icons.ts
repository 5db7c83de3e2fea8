import type { VNode } from '../vendor/preact.ts';
import { html } from './html.ts';

const PATHS = {
  alert: 'M12 9v4m0 3.5v.5M10.3 4 2.6 17.5A2 2 0 0 0 4.3 20.5h15.4a2 2 0 0 0 1.7-3L13.7 4a2 2 0 0 0-3.4 0Z',
  arrow: 'M12 19V5m-6 6 6-6 6 6',
  back: 'M9 7 4 12l5 5M4 12h10a6 6 0 0 1 6 6v1',
  brain: 'M9.5 18h5M10 21h4M8.5 15A6.5 6.5 0 1 1 15.5 15c-.6.4-1 1-1 1.7V18h-5v-1.3c0-.7-.4-1.3-1-1.7Z',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  chevron: 'm9 6 6 6-6 6',
  clock: 'M12 7v5l3 2m6-2a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z',
  close: 'M6 6l12 12M18 6 6 18',
  commit: 'M12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2 12h6.5m7 0H22',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  deploy: 'M12 16V4m-5 5 5-5 5 5M4 17v2a1.5 1.5 0 0 0 1.5 1.5h13A1.5 1.5 0 0 0 20 19v-2',
  dot: 'M12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z',
  edit: 'M4 20h4L19.5 8.5a2.1 2.1 0 0 0-3-3L5 17z',
  external: 'M14 4h6v6m0-6-9 9M18 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1h5',
  eye: 'M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12Zm10 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z',
  globe: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM3.5 12h17M12 3c5 5.5 5 12.5 0 18-5-5.5-5-12.5 0-18Z',
  info: 'M12 11v5m0-8.5v.5m9 4a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z',
  leaf: 'M5 19c0-9 5-14 15-14 0 10-5 15-12 14-1.5-.2-3 0-3 0Zm0 0c2-4 5-7 9-9',
  menu: 'M4 7h16M4 12h16M4 17h10',
  minus: 'M6 12h12',
  move: 'M4 12h15m-5-5 5 5-5 5',
  plan: 'M10 6h10M10 12h10M10 18h10M4 6l1 1 2-2M4 12l1 1 2-2M4 18l1 1 2-2',
  plus: 'M12 5v14M5 12h14',
  search: 'm20 20-4.5-4.5M17.5 10.5a7 7 0 1 1-14 0 7 7 0 0 1 14 0Z',
  shield: 'M12 3 4.5 6v5.5c0 4.5 3 8 7.5 9.5 4.5-1.5 7.5-5 7.5-9.5V6z',
  stop: 'M7 7h10v10H7z',
  terminal: 'm5 7 5 5-5 5m8 0h6',
  tool: 'M14.5 6.5a4 4 0 0 0-5 5L4 17l3 3 5.5-5.5a4 4 0 0 0 5-5L15 12l-3-3z',
  trash: 'M5 7h14M10 11v6m4-6v6M6.5 7l1 13h9l1-13M9 7V4h6v3',
} as const;

export type IconName = keyof typeof PATHS;

/** Decoration only: what it says is always said in words too. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }): VNode {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}

/** Constructed style sheets, shared by all elements of a page: strict content security policies allow them, and nothing of them leaks out. */
import { base } from './base.ts';
import { cards } from './cards.ts';
import { dashboard } from './dashboard.ts';
import { frame } from './frame.ts';
import { launcher } from './launcher.ts';
import { log } from './log.ts';
import { uplot } from './uplot.ts';

const made = new Map<string, CSSStyleSheet[]>();

export const styleSheets = (): CSSStyleSheet[] => once('chat', [base, frame, log, cards]);
export const dashboardSheets = (): CSSStyleSheet[] => once('dashboard', [base, cards, uplot, dashboard]);
export const launcherSheets = (): CSSStyleSheet[] => once('launcher', [base, launcher]);

function once(name: string, texts: string[]): CSSStyleSheet[] {
  const known = made.get(name);
  if (known) return known;
  const sheets = texts.map((text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return sheet;
  });
  made.set(name, sheets);
  return sheets;
}

import type { Greenroom } from '../../bench/harness/greenroom.ts';
import type { Load } from '../../bench/load/load.ts';
import type { DemoChat } from './chat.ts';
import type { Terminal } from './terminal.ts';

/** Everything of one run of the demo. */
export interface Demo {
  root: string;
  repo: string;
  url: string;
  terminal: Terminal;
  greenroom: Greenroom;
  /** Greenroom was ready. */
  started: boolean;
  chat?: DemoChat;
  /** The agent follows a script. */
  scripted: boolean;
  load?: Load;
  /** True from the moment on when failures are no news, because everything is being ended. */
  ending: boolean;
  problems: number;
}

/** Begins a part of the story, unless everything is being ended: then the story is over. */
export function stage(demo: Demo, title: string, ...words: string[]): void {
  if (demo.ending) throw new Error('the demo was ended');
  demo.terminal.stage(title);
  for (const line of words) demo.terminal.say(line);
}

/** Says what came out, and counts what should not have. */
export function check(demo: Demo, holds: boolean, good: string, bad: string): void {
  if (demo.ending) return;
  if (!holds) demo.problems++;
  if (holds) demo.terminal.good(good);
  else demo.terminal.bad(bad);
}

/** Whether visitors lost anything. */
export function checkLoad(demo: Demo): void {
  const now = demo.load?.snapshot();
  if (now === undefined) return;
  const so = `${now.ok} answers to visitors so far, ${now.failed} failed, longest wait between two ${now.longest_gap_ms} ms`;
  check(demo, now.failed === 0, so, `${so}; the first: ${now.failures[0]?.error}`);
}

export function liveLine({ load, url }: Demo): string {
  const now = load?.snapshot();
  return now === undefined ? '' : `  ${url}   ${now.ok} requests answered   ${now.failed} failed   longest gap ${now.longest_gap_ms} ms`;
}

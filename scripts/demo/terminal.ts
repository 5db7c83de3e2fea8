import { styleText } from 'node:util';

const LIVE_EVERY_MS = 100;
const CLEAR_LINE = '\r\u001b[K';
type Style = Parameters<typeof styleText>[0];

export interface Terminal {
  stage(title: string): void;
  say(text: string): void;
  /** A line of a command's output, set off from what the demo says itself. */
  output(line: string): void;
  good(text: string): void;
  bad(text: string): void;
  /** A last line that is drawn anew all the time; nothing without a terminal. `null` takes it away. */
  live(line: (() => string) | null): void;
}

/** Plain lines when the output is no terminal; colour only where it is wanted, and never as the only sign of anything. */
export function createTerminal(out: NodeJS.WriteStream = process.stdout): Terminal {
  let line: (() => string) | null = null;
  let timer: NodeJS.Timeout | undefined;
  let stages = 0;

  const paint = (style: Style, text: string): string => styleText(style, text, { stream: out });
  const clear = out.isTTY ? CLEAR_LINE : '';
  const draw = (): void => {
    if (line !== null && out.isTTY) out.write(`${clear}${paint('cyan', line().slice(0, out.columns - 1))}`);
  };
  const print = (text: string): void => {
    out.write(`${line === null ? '' : clear}${text}\n`);
    draw();
  };

  return {
    stage(title) {
      stages++;
      print(`\n${paint('bold', `${stages}. ${title}`)}`);
    },
    say: print,
    output: (text) => print(paint('dim', `   | ${text}`)),
    good: (text) => print(`${paint('green', '✓')} ${text}`),
    bad: (text) => print(`${paint('red', '✗')} ${text}`),
    live(next) {
      clearInterval(timer);
      if (line !== null && next === null) out.write(clear);
      line = next;
      if (next !== null && out.isTTY) timer = setInterval(draw, LIVE_EVERY_MS);
      draw();
    },
  };
}

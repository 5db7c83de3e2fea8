import type { AttemptView } from '@greenroom/sdk/wire';
import type { Cli } from '../context.ts';
import { duration } from '../format.ts';
import { cut, json } from '../terminal.ts';
import { waitingLines } from '../waiting.ts';
import type { FollowView } from './follow.ts';
import { currentWork, isFinal, stepLine } from './lines.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 80;
const CLEAR_LINE = '\r\u001b[2K';
const DEFAULT_COLUMNS = 80;

export interface Progress extends FollowView {
  /** Takes the moving line away; call it before anything else is printed, on every path. */
  stop(): void;
}

/** Steps as they end: JSON lines, plain lines for a pipe, or lines above a moving one on a terminal. */
export function createProgress(cli: Cli, asJson: boolean): Progress {
  if (asJson) return jsonProgress(cli);
  return cli.stdout.isTTY && cli.env['TERM'] !== 'dumb' ? movingProgress(cli) : plainProgress(cli);
}

/** Calls back once for each step of the attempt when it has ended, in the order of the steps. Those skipped without a reason say nothing. */
function eachStepOnce(print: (attempt: AttemptView, step: AttemptView['steps'][number]) => void): (attempt: AttemptView) => void {
  const printed = new Set<string>();
  return (attempt) => {
    for (const step of attempt.steps) {
      if (!isFinal(step) || printed.has(step.step)) continue;
      if (step.status === 'skipped' && !step.detail) continue;
      printed.add(step.step);
      print(attempt, step);
    }
  };
}

/** Calls back once, when the attempt has come to wait for a person. */
function onceWaiting(tell: (attempt: AttemptView) => void): (attempt: AttemptView) => void {
  let told = false;
  return (attempt) => {
    if (told || attempt.approval?.state !== 'waiting') return;
    told = true;
    tell(attempt);
  };
}

function jsonProgress(cli: Cli): Progress {
  let status = '';
  const steps = eachStepOnce((attempt, step) => cli.say(json({ type: 'step', id: attempt.id, ...step })));
  const waits = onceWaiting(({ id, approval }) => cli.say(json({ type: 'waiting', id, ...approval })));
  return {
    update(attempt) {
      if (attempt.status !== status && attempt.status === 'queued') cli.say(json({ type: 'queued', id: attempt.id }));
      status = attempt.status;
      steps(attempt);
      waits(attempt);
    },
    lost: () => cli.say(json({ type: 'orchestrator_lost' })),
    found: () => cli.say(json({ type: 'orchestrator_back' })),
    stop: () => undefined,
  };
}

function plainProgress(cli: Cli): Progress {
  let toldQueued = false;
  const steps = eachStepOnce((_attempt, step) => cli.say(stepLine(step, cli.paint)));
  const waits = onceWaiting((attempt) => {
    for (const line of waitingLines(attempt)) cli.say(`${cli.paint('yellow', '?')} ${line}`);
  });
  return {
    update(attempt) {
      if (attempt.status === 'queued' && !toldQueued) cli.say(`${cli.paint('dim', '·')} ${currentWork(attempt).text}`);
      toldQueued ||= attempt.status === 'queued';
      steps(attempt);
      waits(attempt);
    },
    lost: () => cli.say(LOST),
    found: () => cli.say(FOUND),
    stop: () => undefined,
  };
}

const LOST = '! the orchestrator went away, waiting for it to come back';
const FOUND = '! the orchestrator is back';

function movingProgress(cli: Cli): Progress {
  let frame = 0;
  let stopped = false;
  let work = { text: 'starting', since: '' };
  const begun = Date.now();
  const draw = (): void => {
    const since = Date.parse(work.since) || begun;
    const line = `${FRAMES[frame % FRAMES.length]} ${work.text}  ${duration(Math.max(0, Date.now() - since))}`;
    cli.stdout.write(CLEAR_LINE + cli.paint('cyan', cut(line, (cli.stdout.columns || DEFAULT_COLUMNS) - 1)));
  };
  const above = (line: string): void => {
    cli.stdout.write(`${CLEAR_LINE}${line}\n`);
  };
  const steps = eachStepOnce((_attempt, step) => above(stepLine(step, cli.paint)));
  const waits = onceWaiting((attempt) => {
    for (const line of waitingLines(attempt)) above(`${cli.paint('yellow', '?')} ${line}`);
  });
  const timer = setInterval(() => {
    frame++;
    draw();
  }, FRAME_MS);
  draw();
  return {
    update(attempt) {
      steps(attempt);
      waits(attempt);
      work = currentWork(attempt);
      draw();
    },
    lost() {
      work = { text: LOST.slice(2), since: new Date().toISOString() };
      draw();
    },
    found: () => above(FOUND),
    stop() {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      cli.stdout.write(CLEAR_LINE);
    },
  };
}

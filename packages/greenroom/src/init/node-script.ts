export interface ResolvedScript {
  /** The command itself, without a package manager around it. */
  command: string;
  /** What has to run before it: a `prestart` script. Empty when there is none. */
  before: string;
  explanations: string[];
  unknowns: string[];
}

const MAX_HOPS = 8;

/**
 * The command behind a script of package.json. Package managers are taken out of the way because they do not pass signals on: `npm start` exits
 * at once on SIGTERM and leaves its child behind with the port. Development watchers and fixed ports go as well.
 */
export function resolveScript(name: string, scripts: Record<string, string>): ResolvedScript {
  const explanations: string[] = [];
  const unknowns: string[] = [];
  const before: string[] = [];
  let current = name;
  let command = '';
  for (let hop = 0; hop < MAX_HOPS; hop++) {
    command = (scripts[current] ?? '').trim();
    const pre = scripts[`pre${current}`];
    if (pre !== undefined) before.push(pre.trim());
    const next = scriptCalledBy(command, scripts);
    if (next === undefined) break;
    if (hop === MAX_HOPS - 1)
      return { command: '', before: '', explanations, unknowns: [`How the app starts: its "${name}" script calls itself.`] };
    current = next;
  }
  explanations.push(
    `start_command is what the "${current}" script runs, without a package manager around it, which would keep signals from the app.`,
  );
  const plain = withoutWatcher(withoutFixedPort(command, explanations), explanations);
  const fixed = /(?:--port[ =]|-p )(\d{2,5})\b/.exec(plain);
  if (fixed !== null) {
    explanations.push(`start_command: the fixed port ${fixed[1]} became $PORT, as each boot gets a port of its own.`);
  }
  if (/--env-file[= ]/.test(plain)) {
    unknowns.push(
      'Whether the app can do without its environment file: it is not in a release. Use --env-file-if-exists, and env and secrets_inject.',
    );
  }
  return { command: plain.replace(/(--port[ =]|-p )\d{2,5}\b/g, '$1$PORT'), before: before.join(' && '), explanations, unknowns };
}

/** The script that a command calls and does nothing else: `npm run serve`, `yarn serve`, `pnpm start`. */
function scriptCalledBy(command: string, scripts: Record<string, string>): string | undefined {
  const match = /^(npm|pnpm|yarn|bun)\s+(?:(run|run-script)\s+)?(?:-s\s+|--silent\s+)?([\w:.-]+)$/.exec(command);
  const called = match?.[3];
  if (called === undefined || !(called in scripts)) return undefined;
  return match?.[2] !== undefined || match?.[1] !== 'npm' || called === 'start' ? called : undefined;
}

function withoutFixedPort(command: string, explanations: string[]): string {
  const plain = command.replace(/^((?:cross-env\s+)?(?:\w+=\S+\s+)*)PORT=\d+\s+/, '$1').replace(/^cross-env\s+(?=\w+=\S+\s)/, '');
  if (/\bPORT=\d/.test(command)) explanations.push('start_command: PORT=… is left out, as each boot gets a port of its own.');
  return plain.replace(/^cross-env\s+/, '');
}

function withoutWatcher(command: string, explanations: string[]): string {
  const plain = command
    .replace(/^nodemon\s+(?=\S+\.[cm]?[jt]s\b)/, 'node ')
    .replace(/^(node|tsx|bun)((?:\s+--?\S+)*?)\s+(?:--watch|watch)\b/, '$1$2');
  if (plain !== command) explanations.push('start_command: the watcher is left out; a release does not change while it runs.');
  return plain;
}

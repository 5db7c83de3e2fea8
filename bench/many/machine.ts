/** A machine with many apps: one repository, one proxy, and for each app an orchestrator and a data directory of its own. */
import { join } from 'node:path';
import { benchContract, benchRepo } from '../harness/bench-app.ts';
import { type CliRun, type Greenroom, prepareGreenroom, runCli, tail } from '../harness/greenroom.ts';
import { freePorts } from '../harness/ports.ts';
import { commitFiles } from '../harness/repo.ts';

/** Starts take the whole of a processor each: more at once only make each of them late. */
const STARTS_AT_ONCE = 4;

export interface ManyApp {
  name: string;
  url: string;
  greenroom: Greenroom;
}

export interface Machine {
  home: string;
  apps: ManyApp[];
  /** Good releases, oldest first; apps that are not deployed by the bench itself have the newest, as their orchestrators want it. */
  commits: string[];
  /** A release that is promoted, and then crashes again and again. Only the app of this name can deploy it. */
  crashing: { app: string; commit: string };
  /** Starts these apps, some at a time, each with the release. */
  start(apps: readonly ManyApp[], commit: string): Promise<void>;
  /** Runs the command line on the machine, not on one app. */
  command(args: readonly string[]): Promise<CliRun>;
}

/** What the bench does with the first apps; the others are only looked at. */
export const ROLES = { swaps: 0, crashes: 1, badContract: 2 } as const;
export const FEWEST_APPS: number = Object.keys(ROLES).length;

/** After the end of the watch, which would roll back: what is wanted is a loop that nothing ends. */
const CRASH_AFTER_MS = 700;

/** Makes the repositories and contracts below the folder; nothing runs yet. */
export async function prepareMachine(root: string, count: number, versions: number): Promise<Machine> {
  const [home, repo, crashingRepo] = [join(root, 'home'), join(root, 'repo'), join(root, 'crashing')];
  const commits = benchRepo(repo, versions);
  const [calm = ''] = benchRepo(crashingRepo, 1);
  const crash = { 'version.json': JSON.stringify({ name: 'crashing', crash_after_ms: CRASH_AFTER_MS }) };
  const names = Array.from({ length: count }, (_, index) => `app-${String(index + 1).padStart(3, '0')}`);
  const ports = await freePorts(3 * count);
  const apps = names.map((name, index): ManyApp => {
    const [port = 0, internalPort = 0, apiPort = 0] = ports.slice(3 * index);
    // The checks between deploys cost something: apps that are only looked at run them as often as any app does.
    const checks = index < FEWEST_APPS ? {} : { reconcile_interval_ms: undefined };
    const contract = benchContract(port, internalPort, { standby_ms: 0, watch_ms: 0, ...checks });
    const repoOfApp = index === ROLES.crashes ? crashingRepo : repo;
    const greenroom = prepareGreenroom({ root: join(root, name), home, app: name, repo: repoOfApp, apiPort, contract });
    return { name, url: `http://127.0.0.1:${port}`, greenroom };
  });
  return {
    home,
    apps,
    commits,
    crashing: { app: names[ROLES.crashes] ?? '', commit: commitFiles(crashingRepo, crash, 'Crash') },
    start: (chosen, commit) => startSome(chosen, (name) => (name === names[ROLES.crashes] ? calm : commit)),
    command: (args) => runCli(args, { ...process.env, GREENROOM_HOME: home, NO_COLOR: '1' }),
  };
}

async function startSome(apps: readonly ManyApp[], releaseOf: (name: string) => string): Promise<void> {
  const waiting = [...apps];
  const worker = async (): Promise<void> => {
    for (let app = waiting.shift(); app; app = waiting.shift()) {
      await app.greenroom.start();
      await deploy(app, releaseOf(app.name));
    }
  };
  await Promise.all(Array.from({ length: STARTS_AT_ONCE }, worker));
}

/** Answers the attempt's id. Throws when it is refused. */
export async function deploy({ name, greenroom }: ManyApp, commit: string): Promise<string> {
  const answer = await greenroom.client.deploy({ commit });
  if (answer.success && 'id' in answer) return answer.id;
  throw new Error(`a deploy of ${name} was refused: ${JSON.stringify(answer)}\n${tail(greenroom.logFile)}`);
}

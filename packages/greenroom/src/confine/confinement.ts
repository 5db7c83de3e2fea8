import { asUser, environmentOf } from './as-user.ts';
import { missingCapabilities } from './capabilities.ts';
import type { Layer } from './command.ts';
import { findUser, type RunAs, type User } from './users.ts';

/** What is put around the programs of one kind. */
export interface Confined {
  /** From the outermost to the innermost. */
  layers: readonly Layer[];
  /** What such a program may be given of this process's own environment. */
  env: NodeJS.ProcessEnv;
  /** Whose programs they are; absent for this process's own user. */
  user?: User;
}

/** Of each kind of program that is started for an app. */
export interface Confinement {
  /** Instances and smoke tests. */
  app: Confined;
  setup: Confined;
  /** The coding agent, and git in its workspace. */
  agent: Confined;
  /** Null while all of them run as this process's own user. */
  users: Users | null;
}

export interface Users {
  app: User;
  setup: User;
  /** Null for an app without a coding agent. */
  agent: User | null;
}

/** The part of a contract that says how programs are confined. */
export interface ConfinementRules {
  run_as?: RunAs | undefined;
  setup_run_as?: RunAs | undefined;
  agent?: { run_as?: RunAs | undefined } | undefined;
}

/** Reads what the machine has of what the contract names. Answers sentences when an app cannot be confined as it says: it is not started then. */
export async function openConfinement(rules: ConfinementRules, env: NodeJS.ProcessEnv): Promise<Confinement | { sentences: string[] }> {
  const plain: Confined = { layers: [], env };
  const named = namedUsers(rules);
  if (named.length === 0) return { app: plain, setup: plain, agent: plain, users: null };
  const problems = incomplete(rules);
  const found = new Map<string, User>();
  for (const [field, runAs] of named) {
    const user = await findUser(runAs);
    if (typeof user === 'string') problems.push(`${field}: ${user}. "greenroom isolate" makes the users of an app.`);
    else if (user.uid === 0) problems.push(`${field}: "root" may do everything. Name a user that may do nothing else.`);
    else if (user.uid === process.getuid?.())
      problems.push(`${field}: "${user.name}" is the user of the orchestrator itself. Name another.`);
    else found.set(field, user);
  }
  const [app, agent] = [found.get('run_as'), found.get('agent.run_as') ?? null];
  if (app && agent?.uid === app.uid)
    problems.push(`agent.run_as: "${app.name}" is the user of the app (run_as): the agent needs one of its own.`);
  const missing = missingCapabilities();
  if (missing.length > 0) {
    const lack = `this process may not start programs as another user (it lacks ${missing.join(', ')})`;
    problems.push(`run_as: ${lack}. Start the app as root, or by the service that "greenroom service install" makes.`);
  }
  if (problems.length > 0 || !app) return { sentences: problems };
  const users: Users = { app, setup: found.get('setup_run_as') ?? app, agent };
  const as = (user: User): Confined => ({ layers: [asUser(user)], env: environmentOf(user, env), user });
  return { app: as(app), setup: as(users.setup), agent: agent ? as(agent) : plain, users };
}

function namedUsers({ run_as, setup_run_as, agent }: ConfinementRules): [field: string, runAs: RunAs][] {
  const fields: [string, RunAs | undefined][] = [
    ['run_as', run_as],
    ['setup_run_as', setup_run_as],
    ['agent.run_as', agent?.run_as],
  ];
  return fields.flatMap(([field, runAs]): [string, RunAs][] => (runAs === undefined ? [] : [[field, runAs]]));
}

/** What an orchestrator with more rights than a plain user must not start as itself. */
function incomplete({ run_as, agent }: ConfinementRules): string[] {
  const mend = '"greenroom isolate" writes what is missing.';
  return [
    ...(run_as === undefined ? [`run_as is missing beside the other users: the app would run as the orchestrator. ${mend}`] : []),
    ...(agent && agent.run_as === undefined
      ? [`agent.run_as is missing: the agent would run as the orchestrator, with the right to become the app's user. ${mend}`]
      : []),
  ];
}

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
}

/** The part of a contract that says how programs are confined. */
export interface ConfinementRules {
  run_as?: RunAs | undefined;
}

/** Reads what the machine has of what the contract names. Answers sentences when an app cannot be confined as it says: it is not started then. */
export async function openConfinement(rules: ConfinementRules, env: NodeJS.ProcessEnv): Promise<Confinement | { sentences: string[] }> {
  if (rules.run_as === undefined) return { app: { layers: [], env } };
  const user = await findUser(rules.run_as);
  if (typeof user === 'string')
    return { sentences: [`run_as: ${user}. Make it with "useradd --system", or take run_as out of the contract.`] };
  if (user.uid === 0) return { sentences: ['run_as: "root" may do everything. Name a user of its own for the app.'] };
  const missing = missingCapabilities();
  if (missing.length > 0) {
    const lack = `this process may not start programs as another user (it lacks ${missing.join(', ')})`;
    return { sentences: [`run_as: ${lack}. Run Greenroom as root, or take run_as out of the contract.`] };
  }
  return { app: { layers: [asUser(user)], env: environmentOf(user, env), user } };
}

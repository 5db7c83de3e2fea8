import { type Cgroups, openCgroups } from './cgroups.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import type { Limited, ResourceLimits } from './limits.ts';

/** The limits of a contract, of each kind of program. */
export type LimitRules = Partial<Record<Limited, ResourceLimits | undefined>>;

export interface Limiters extends Record<Limited, Limiter> {
  /** A sentence on what of the limits this machine cannot hold; empty when it can hold all. */
  gaps: string;
  /** Where control groups are made: "cgroup v2 in /sys/fs/cgroup/…". Empty where there are none. */
  place: string;
}

export interface LimitersOptions {
  /** `limits` of the contract. */
  rules: LimitRules | undefined;
  /** Tells the groups of this app from those of others. */
  key: string;
  env: NodeJS.ProcessEnv;
  /** Kinds of programs that have a user of their own. */
  ownUser?: readonly Limited[];
}

/** Where the contract has no limits, nothing is asked of the machine, and nothing moved. */
export function openLimiters({ rules = {}, key, env, ownUser = [] }: LimitersOptions): Limiters {
  const wanted = [rules.app, rules.setup, rules.agent].some((limits) => limits !== undefined);
  const cgroups: Cgroups | undefined = wanted ? openCgroups(env) : undefined;
  const limiter = (kind: Limited): Limiter => createLimiter({ kind, limits: rules[kind], key, cgroups, ownUser: ownUser.includes(kind) });
  const [app, setup, agent] = [limiter('app'), limiter('setup'), limiter('agent')];
  const gaps = [app, setup, agent].flatMap((it) => it.gaps);
  return {
    app,
    setup,
    agent,
    place: cgroups?.place ?? '',
    gaps: gaps.length === 0 ? '' : `Not held by the kernel on this machine: ${gaps.join('; ')}.`,
  };
}

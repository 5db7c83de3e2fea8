import { isDeepStrictEqual } from 'node:util';
import { ownIdentity } from '../proc.ts';
import { type LastKnown, type LastState, listApps, NameTaken, type RegisteredApp, registerApp, updateApp } from './index.ts';

/** How an app is, as its orchestrator sees it. */
export type Seen = Pick<LastKnown, 'state' | 'live_commit'>;

/** This process's own entry in the registry. A write that fails is logged and keeps nothing else from going on. */
export interface Registration {
  /** Looks a little later, once for all calls until then, and writes what is seen when it is something new. */
  changed(look: () => Promise<Seen>): void;
  /** The last word of an orchestrator that ends in order. */
  end(state: Extract<LastState, 'stopped' | 'detached'>): Promise<void>;
  /** The last word of a start that failed: everything is as it was before, and why it failed is told. */
  fail(problem: string): Promise<void>;
}

export interface RegistrationOptions {
  home: string;
  app: Omit<RegisteredApp, 'last'>;
  /** What stays the same while this orchestrator runs. */
  facts: Pick<LastKnown, 'operator_socket' | 'port' | 'internal_port' | 'route_ports' | 'addresses' | 'version'>;
  log(message: string): void;
}

/** State changes come in bursts, one for each step of a deploy. */
const SETTLE_MS = 250;

/**
 * Writes the entry of an app that starts now. The caller holds the app's lock. Throws `NameTaken`; anything else that is wrong with the registry keeps no
 * app from starting.
 */
export async function openRegistration({ home, app, facts, log }: RegistrationOptions): Promise<Registration> {
  const { apps } = await listApps(home);
  const before = apps.find((known) => known.name === app.name && known.data === app.data)?.last;
  let written: LastKnown = {
    ...facts,
    state: 'starting',
    live_commit: before?.live_commit ?? '',
    time: now(),
    problem: '',
    orchestrator: ownIdentity(),
  };
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  let last: Promise<void> = Promise.resolve();
  let complaint = '';
  await registerApp(home, { ...app, last: written }).catch((error: Error) => {
    if (error instanceof NameTaken) throw error;
    complain(error.message);
  });

  async function write(next: LastKnown): Promise<void> {
    if (isDeepStrictEqual({ ...next, time: '' }, { ...written, time: '' })) return;
    try {
      if (!(await updateApp(home, app, next))) complain(`the name "${app.name}" belongs to another data directory by now`);
      else complaint = '';
      written = next;
    } catch (error) {
      complain((error as Error).message);
    }
  }

  function complain(problem: string): void {
    if (problem !== complaint) log(`The registry of this machine's apps could not be written: ${problem}`);
    complaint = problem;
  }

  async function look(seen: () => Promise<Seen>): Promise<void> {
    const found = await seen();
    if (!ended) await write({ ...written, ...found, time: now() });
  }

  async function close(lastWord: LastKnown): Promise<void> {
    ended = true;
    clearTimeout(timer);
    await last;
    await write(lastWord);
  }

  return {
    changed(seen) {
      if (ended || timer) return;
      timer = setTimeout(() => {
        timer = undefined;
        last = last.then(() => look(seen)).catch((error: Error) => complain(error.message));
      }, SETTLE_MS);
      timer.unref();
    },
    end: (state) => close({ ...written, state, time: now(), orchestrator: null, ...(state === 'stopped' ? { live_commit: '' } : {}) }),
    fail: (problem) => close({ ...(before ?? { ...written, state: 'stopped', live_commit: '', orchestrator: null }), problem }),
  };
}

export interface Refusal extends Pick<RegistrationOptions, 'home' | 'log'> {
  name: string;
  data: string;
  /** What the refused start would have written; null when that is not known, and then only an app that was started before gets a reason. */
  facts: RegistrationOptions['facts'] | null;
  /** As a sentence. */
  problem: string;
}

/** Notes beside a registered app why it was refused before it could be entered as starting. All else stays as it was. */
export async function recordRefusal({ home, name, data, facts, problem, log }: Refusal): Promise<void> {
  const { apps } = await listApps(home);
  const app = apps.find((known) => known.name === name && known.data === data);
  const last = app?.last ?? (facts && { ...facts, ...NEVER_STARTED, time: now() });
  if (!app || !last) return;
  await updateApp(home, app, { ...last, problem }).catch((error: Error) => {
    log(`The registry of this machine's apps could not be written: ${error.message}`);
  });
}

const NEVER_STARTED = { state: 'stopped', live_commit: '', orchestrator: null } as const;

const now = (): string => new Date().toISOString();

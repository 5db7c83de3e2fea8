/** What unit files have in common. */
import type { Place } from './place.ts';
import type { Section, Setting } from './unit-text.ts';

export interface UnitFile {
  /** Name with its ending, the name of the file. */
  unit: string;
  text: string;
}

/** Since this version the pause between restarts can grow. */
const GROWING_PAUSE_VERSION = 254;

export function about(description: string, { wants, after }: { wants: readonly string[]; after: readonly string[] }): Section {
  return {
    name: 'Unit',
    settings: [
      ['Description', description.replaceAll('%', '%%')],
      ['Wants', ['network-online.target', ...wants].join(' ')],
      ['After', ['network-online.target', ...after].join(' ')],
      // Never given up: whoever repairs what keeps it from starting is not to need a second command.
      ['StartLimitIntervalSec', '0'],
    ],
  };
}

export function installed({ system }: Place): Section {
  return { name: 'Install', settings: [['WantedBy', system ? 'multi-user.target' : 'default.target']] };
}

export function restarting(version: number, pause: string, when: 'on-failure' | 'always' = 'on-failure'): Setting[] {
  const growing: Setting[] =
    version >= GROWING_PAUSE_VERSION
      ? [
          ['RestartSteps', '6'],
          ['RestartMaxDelaySec', '60s'],
        ]
      : [];
  return [['Restart', when], ['RestartSec', pause], ...growing];
}

/** A user's services run as that user without being told. */
export function identity({ system, owner }: Place): Setting[] {
  return system ? [['User', owner.name]] : [];
}

import type { InstanceRunner } from './instance-runner.ts';
import type { InstanceRecord } from './records.ts';

/**
 * Starts instances in the one way that the contract names, and looks after those of earlier runs in whichever way they were started: the contract may
 * have changed meanwhile.
 */
export function combineRunners(kind: 'process' | 'container', processes: InstanceRunner, containers: InstanceRunner): InstanceRunner {
  const chosen = kind === 'container' ? containers : processes;
  const isContainer = (record: InstanceRecord | undefined): boolean => record?.container !== undefined;
  return {
    surroundings: chosen.surroundings,
    prepare: chosen.prepare,
    start: chosen.start,
    watch: (record, exited, onLimit) => (isContainer(record) ? containers : processes).watch(record, exited, onLimit),
    async findEarlier(records, known) {
      const ran = records.ids().filter((id) => isContainer(records.read(id)));
      // Without one, the container program need not even be there.
      const boxed = kind === 'container' || ran.length > 0 ? await containers.findEarlier(records, known) : NOTHING;
      // What runs in a container is seen from outside too.
      const others = new Set([...known, ...ran, ...boxed.living.map(({ instance }) => instance)]);
      const bare = await processes.findEarlier(records, others);
      return { living: [...boxed.living, ...bare.living], gone: [...boxed.gone, ...bare.gone], orphans: bare.orphans };
    },
    endOrphans: processes.endOrphans,
  };
}

const NOTHING = { living: [], gone: [], orphans: [] };

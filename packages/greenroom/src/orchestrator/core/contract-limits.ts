/** The contract's `limits`. */
import { z } from 'zod';
import { whole } from './contract-parts.ts';

/** Below these a program of Node's may not even start: worth a word, and no refusal, since others need less. */
const NODE_NEEDS = { memory_mb: 128, processes: 32, open_files: 256 } as const;
const NODE_NEEDS_WHY = {
  memory_mb: 'it takes about 50 MB before it has run a line of the app, and most apps 100 MB and more',
  processes: 'each thread counts, and one process of it has about 11',
  open_files: 'it opens about 20 by itself, and one for each connection',
};
const MAX_MB = 1_048_576;
const MAX_DISK_MB = 1_048_576_000;
/** An instance's log is such a file: it is cut at 10 MB, a moment after it grew beyond that. */
const MIN_APP_FILE_MB = 64;

const programLimits = (who: string, minFileMb: number) =>
  z
    .object(
      {
        memory_mb: whole(16, MAX_MB, ' of megabytes')
          .optional()
          .describe(`Memory of ${who} and all that it starts together, in megabytes. Beyond it the kernel kills.`),
        cpu_percent: whole(5, 102_400, ' of percent')
          .optional()
          .describe(`Processor time of ${who} and all that it starts together, in percent of one core: 200 is two cores.`),
        processes: whole(16, 4_194_304)
          .optional()
          .describe(`Processes and threads of ${who} at once. Beyond it the kernel refuses to start another.`),
        open_files: whole(64, 1_048_576).optional().describe(`Files and connections that each process of ${who} may have open.`),
        file_size_mb: whole(minFileMb, MAX_MB, ' of megabytes').optional().describe(`Size of each file that ${who} writes, in megabytes.`),
      },
      { error: 'an object of limits, for example { "memory_mb": 512 }' },
    )
    .optional();

export const limitsSettings = z.object(
  {
    app: programLimits('an instance', MIN_APP_FILE_MB).describe('Of each instance of the app, and of the smoke test.'),
    setup: programLimits('`setup_command`', 1).describe('Of `setup_command`.'),
    agent: programLimits('the agent', 1).describe('Of the coding agent in a turn.'),
    disk: z
      .object(
        {
          slot_mb: whole(1, MAX_DISK_MB, ' of megabytes')
            .optional()
            .describe(
              'What a release may take on the disk with its dependencies, in megabytes. Measured while setup runs and before each boot.',
            ),
          workspace_mb: whole(1, MAX_DISK_MB, ' of megabytes')
            .optional()
            .describe("What the agent's workspace may take on the disk, in megabytes. Measured during a turn."),
        },
        { error: 'an object with "slot_mb" or "workspace_mb"' },
      )
      .optional()
      .describe('Of folders. They are measured, and are no wall: a quota of the file system would be one.'),
  },
  { error: 'an object with "app", "setup", "agent" or "disk"' },
);

/** Sentences about limits that most programs cannot live with. */
export function limitNotes(limits: unknown): string[] {
  const parsed = limitsSettings.safeParse(limits);
  if (!parsed.success) return [];
  const { app, setup, agent } = parsed.data;
  return Object.entries({ app, setup, agent }).flatMap(([program, bounds]) =>
    (Object.keys(NODE_NEEDS) as (keyof typeof NODE_NEEDS)[]).flatMap((field) => {
      const value = bounds?.[field];
      if (value === undefined || value >= NODE_NEEDS[field]) return [];
      return [`limits.${program}.${field}: ${value} is little for Node (${NODE_NEEDS_WHY[field]}).`];
    }),
  );
}

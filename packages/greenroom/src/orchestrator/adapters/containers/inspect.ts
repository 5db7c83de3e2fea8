import { z } from 'zod';
import { type ContainerCli, reasonOf } from './cli.ts';

const imagesSchema = z.array(
  z.object({ Id: z.string(), Config: z.object({ Env: z.array(z.string()).nullish(), WorkingDir: z.string().nullish() }).nullish() }),
);

export interface Image {
  id: string;
  /** Its own search path; empty when it has none. */
  path: string;
}

/** Null when it is not on this machine; a sentence when that cannot be told. */
export async function inspectImage(cli: ContainerCli, image: string): Promise<Image | null | string> {
  const answer = await cli.run(['image', 'inspect', image]);
  if (answer.code === null) return `The image ${image} cannot be looked at: ${reasonOf(answer)}.`;
  const [found] = answer.code === 0 ? parse(imagesSchema, answer.stdout) : [];
  if (!found) return null;
  const path = found.Config?.Env?.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length);
  return { id: found.Id, path: path ?? '' };
}

const containersSchema = z.array(
  z.object({
    Name: z.string(),
    State: z.object({
      Running: z.boolean(),
      Status: z.string().default(''),
      Pid: z.int(),
      ExitCode: z.int(),
      OOMKilled: z.boolean().default(false),
    }),
    Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  }),
);

export interface Container {
  name: string;
  running: boolean;
  /** Whether it runs, or ran. */
  started: boolean;
  /** Of its init, as this machine counts; 0 when it does not run. */
  pid: number;
  exitCode: number;
  outOfMemory: boolean;
  labels: Record<string, string>;
}

/** Those of the containers that are there. */
export async function inspectContainers(cli: ContainerCli, names: readonly string[]): Promise<Container[]> {
  if (names.length === 0) return [];
  const { stdout } = await cli.run(['container', 'inspect', ...names]);
  return parse(containersSchema, stdout).map(({ Name, State, Config }) => ({
    name: Name.replace(/^\//, ''),
    running: State.Running,
    started: !['', 'created', 'configured', 'initialized'].includes(State.Status),
    pid: State.Pid,
    exitCode: State.ExitCode,
    outOfMemory: State.OOMKilled,
    labels: Config.Labels ?? {},
  }));
}

/** All containers with this label, running or not. A sentence when they cannot be listed. */
export async function findContainers(cli: ContainerCli, label: string): Promise<Container[] | string> {
  const listed = await cli.run(['ps', '--all', '--quiet', `--filter=label=${label}`]);
  if (listed.code !== 0) return `The containers of this app cannot be listed: ${reasonOf(listed)}.`;
  return await inspectContainers(cli, listed.stdout.split('\n').filter(Boolean));
}

/** An empty list for what is no such JSON: a program that failed printed it. */
function parse<T>(schema: z.ZodType<T[]>, text: string): T[] {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return [];
    throw error;
  }
}

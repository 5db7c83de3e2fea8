import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { type CommandResult, notStarted, runCommand } from '../command.ts';
import { type ContainerSetup, imageRepository } from './containers.ts';
import { inspectImage } from './inspect.ts';

export interface BuildRequest {
  commit: string;
  /** The release, which is all that the build sees. */
  directory: string;
  /** The Containerfile, relative to it. */
  file: string;
  logFile: string;
  timeoutMs: number;
  signal: AbortSignal;
}

/** Builds the image of a commit; null when it is there already. It gets no secrets. What a build before it made is used again, step by step. */
export async function buildImage(setup: ContainerSetup, request: BuildRequest): Promise<CommandResult | null> {
  const { cli } = setup;
  const { commit, directory, file, logFile, timeoutMs, signal } = request;
  const image = setup.imageOf(commit);
  const found = await inspectImage(cli, image);
  if (typeof found === 'string') return notStarted(`was not started: ${found}`);
  if (found !== null) return null;
  const path = await realpath(join(directory, file)).catch(() => '');
  // A link to somewhere else would have the program read, and print, what is no business of the commit.
  if (!path.startsWith(`${await realpath(directory)}${sep}`)) return notStarted(`was not started: ${file} is no file of the commit`);
  const build = ['build', '--network=host', '--force-rm', `--tag=${image}`, `--file=${path}`, directory];
  const layers = [() => ({ file: cli.program, args: build })];
  return await runCommand({ command: '', cwd: directory, env: cli.environment, timeoutMs, signal, logFile, layers });
}

/** Removes the images of all other commits of the app that nothing runs in. What cannot be removed now is at the next call. */
export async function pruneImages({ cli }: ContainerSetup, app: string, kept: readonly string[]): Promise<void> {
  const repository = imageRepository(app);
  const listed = await cli.run(['images', `--filter=reference=${repository}`, '--format={{.Tag}}']);
  const tags = listed.code === 0 ? listed.stdout.split('\n').filter((tag) => /^[0-9a-f]{40,64}$/.test(tag)) : [];
  for (const tag of tags) if (!kept.includes(tag)) await cli.run(['rmi', `${repository}:${tag}`]);
}

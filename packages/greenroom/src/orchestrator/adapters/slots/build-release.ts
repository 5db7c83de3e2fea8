import { mkdir } from 'node:fs/promises';
import type { Failure } from '@greenroom/sdk/wire';
import { fail, ok, type Result } from '../../core/result.ts';
import { buildImage, pruneImages } from '../containers/build.ts';
import { containerSetup } from '../containers/containers.ts';
import type { SlotContext } from './context.ts';

export interface ReleaseBuild {
  commit: string;
  /** The Containerfile, relative to the slot. */
  file: string;
  logFile: string;
  /** Commits whose images stay beside this one's. */
  kept: readonly string[];
  signal: AbortSignal;
}

/** Makes the release an image, into which what the commit needs is installed. Answers whether there was anything to do. */
export async function buildRelease(context: SlotContext, { commit, file, logFile, kept, signal }: ReleaseBuild): Promise<Result<boolean>> {
  const { app, contract, layout, directory, slot } = context;
  const setup = containerSetup({ app, layout, contract });
  await mkdir(layout.logs, { recursive: true });
  const built = await buildImage(setup, { commit, directory, file, logFile, timeoutMs: contract.setup_timeout_ms, signal });
  if (built === null) return ok(false);
  const { exit, timedOut, aborted, tail } = built;
  if (aborted) return fail({ code: 'aborted', error: `Building ${file} was aborted in slot ${slot}.` });
  if (exit.code === 0 && !timedOut) {
    await pruneImages(setup, app, [commit, ...kept]);
    return ok(true);
  }
  const how = timedOut ? `did not end within ${contract.setup_timeout_ms} ms (setup_timeout_ms)` : exit.description;
  const failure: Failure = {
    code: 'setup_failed',
    error: `Building ${file} ${how}.`,
    evidence: {
      command: `${setup.cli.program} build --file ${file}`,
      log_tail: tail,
      log_file: logFile,
      exit: { ...exit, description: how },
      remedy: `Read the end of its output, correct ${file} or the commit, then deploy again.`,
    },
  };
  return fail(failure);
}

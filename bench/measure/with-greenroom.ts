import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atRest } from '../harness/at-rest.ts';
import { benchContract } from '../harness/bench-app.ts';
import { cleanUpOnce } from '../harness/cleanup.ts';
import { type Greenroom, prepareGreenroom, tail } from '../harness/greenroom.ts';
import { endLeftovers } from '../harness/leftovers.ts';
import { freePorts } from '../harness/ports.ts';

export interface Bench {
  greenroom: Greenroom;
  repo: string;
  /** Deploys, and answers the attempt's id and the milliseconds from request to answer. Throws when it is refused. */
  deploy(commit: string): Promise<{ id: string; took: number }>;
  rollback(): Promise<{ id: string; took: number }>;
  /** Milliseconds that a step of an attempt took. */
  stepTime(id: string, step: string): Promise<number>;
}

/** Makes a repository, starts a Greenroom on it, hands both over, and leaves nothing behind. */
export async function withGreenroom<T>(
  contract: Record<string, unknown>,
  makeRepo: (directory: string) => void,
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'greenroom-bench-'));
  const repo = join(root, 'repo');
  let greenroom: Greenroom | undefined;
  const cleanUp = cleanUpOnce(async () => {
    await greenroom?.stop();
    await endLeftovers(root);
    rmSync(root, { recursive: true, force: true });
  });
  try {
    makeRepo(repo);
    const [port, internalPort, apiPort] = (await freePorts(3)) as [number, number, number];
    greenroom = prepareGreenroom({ root, repo, apiPort, contract: benchContract(port, internalPort, contract) });
    await greenroom.start();
    return await work(benchOf(greenroom, repo));
  } finally {
    await cleanUp();
  }
}

function benchOf(greenroom: Greenroom, repo: string): Bench {
  const timed = async (kind: 'deploy' | 'rollback', commit: string): Promise<{ id: string; took: number }> => {
    await atRest(greenroom);
    const began = performance.now();
    const answer = kind === 'deploy' ? await greenroom.client.deploy({ commit }) : await greenroom.client.rollback();
    const took = performance.now() - began;
    if (answer.success && 'id' in answer) return { id: answer.id, took };
    throw new Error(`a ${kind} was refused: ${JSON.stringify(answer)}\n${tail(greenroom.logFile)}`);
  };
  return {
    greenroom,
    repo,
    deploy: (commit) => timed('deploy', commit),
    rollback: () => timed('rollback', ''),
    async stepTime(id, step) {
      const attempt = await greenroom.client.attempt(id);
      const found = attempt?.steps.find((view) => view.step === step);
      if (found === undefined) throw new Error(`attempt ${id} has no step "${step}"`);
      return found.duration_ms;
    },
  };
}

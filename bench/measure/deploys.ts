import { benchRepo } from '../harness/bench-app.ts';
import { bareBoot } from './boot.ts';
import type { Row } from './table.ts';
import { withGreenroom } from './with-greenroom.ts';

const STANDBY_MS = 600_000;

/** Deploy and rollback, beside the app's own boot measured between them. */
export async function measureDeploys({ rounds, log }: { rounds: number; log: (line: string) => void }): Promise<Row[]> {
  const rows: Row[] = [];
  for (const standby of [false, true]) {
    const [deploys, rollbacks, boots]: [number[], number[], number[]] = [[], [], []];
    let commits: string[] = [];
    const makeRepo = (directory: string): void => {
      commits = benchRepo(directory, rounds + 2);
    };
    await withGreenroom({ standby_ms: standby ? STANDBY_MS : 0 }, makeRepo, async ({ repo, deploy, rollback }) => {
      for (const commit of commits.slice(0, 2)) await deploy(commit);
      for (const commit of commits.slice(2)) {
        boots.push(await bareBoot(repo));
        deploys.push((await deploy(commit)).took);
        rollbacks.push((await rollback()).took);
      }
    });
    log(`  ${standby ? 'with' : 'without'} a standby: done`);
    const floor = { what: 'bare spawn to first 200', values: boots };
    if (!standby) {
      rows.push({ what: 'deploy, request to answer', unit: 'ms', measured: deploys, floor });
      const overhead = deploys.map((value, round) => value - (boots[round] ?? 0));
      rows.push({ what: "deploy less the app's own boot", unit: 'ms', measured: overhead, floor });
    }
    rows.push({ what: `rollback ${standby ? 'to a warm standby' : 'without a standby'}`, unit: 'ms', measured: rollbacks, floor });
  }
  return rows;
}

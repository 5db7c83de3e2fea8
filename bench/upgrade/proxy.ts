import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Greenroom, runCli } from '../harness/greenroom.ts';

/** Lets another proxy take over, with so many workers, by the command line. Answers the milliseconds until it said so. */
export async function upgradeProxy(greenroom: Greenroom, workers: number): Promise<number> {
  const folder = join(greenroom.home, 'proxy');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'settings.json'), JSON.stringify({ workers }));
  const began = performance.now();
  const { code, output } = await runCli(['upgrade', '--proxy', '--json'], { ...process.env, GREENROOM_HOME: greenroom.home });
  if (code !== 0) throw new Error(output);
  return performance.now() - began;
}

import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mount } from '../../confine/sandbox/bubblewrap.ts';
import type { AgentPaths } from '../settings.ts';
import { writeDurably } from '../workspace/files.ts';

/**
 * The orchestrator's repository as the agent sees it, to fetch from: its branches and objects, without its configuration and hooks. `folder` is where the
 * rest of it is written.
 */
export async function repositoryMounts({ repo, run }: Pick<AgentPaths, 'repo' | 'run'>): Promise<Mount[]> {
  const folder = join(run, 'agent-repo');
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'objects'), { recursive: true, mode: 0o755 });
  await mkdir(join(folder, 'refs'));
  const config = await readIfThere(join(repo, 'config'));
  const isLong = /^\s*objectformat\s*=\s*sha256\s*$/im.test(config);
  const version = isLong ? '1\n[extensions]\n\tobjectformat = sha256' : '0';
  await writeDurably(join(folder, 'config'), `[core]\n\tbare = true\n\trepositoryformatversion = ${version}\n`, 0o644);
  for (const name of ['HEAD', 'packed-refs']) await writeDurably(join(folder, name), await readIfThere(join(repo, name)), 0o644);
  return [
    { kind: 'read', at: repo, from: folder },
    { kind: 'read', at: join(repo, 'objects') },
    { kind: 'read', at: join(repo, 'refs') },
  ];
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

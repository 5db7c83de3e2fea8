import type { Rescue } from '../../../ports.ts';
import type { Git } from '../git.ts';
import { type BranchContext, RESCUE } from './context.ts';

const ATTEMPTS = 100;

/**
 * Keeps a commit in `refs/greenroom/rescue/<branch>/<time>-<short>`. Answers the ref: an earlier one when the commit itself is kept already,
 * since a repeated call must not pile them up.
 */
export async function keepCommit(context: BranchContext, branch: string, commit: string): Promise<string> {
  const { git, log, now } = context;
  const known = await git.text(['for-each-ref', `--points-at=${commit}`, '--format=%(refname)', RESCUE]);
  const existing = known.split('\n').find((ref) => ref.startsWith(`${RESCUE}${branch}/`));
  if (existing) return existing;
  const name = `${RESCUE}${branch}/${timeStamp(now())}-${commit.slice(0, 7)}`;
  for (let attempt = 1; ; attempt++) {
    const ref = attempt === 1 ? name : `${name}-${attempt}`;
    const create = ['update-ref', ref, commit, '0'.repeat(commit.length)];
    if (attempt > ATTEMPTS) await git.must(create);
    else if ((await git.run(create)).code !== 0) continue;
    log(`kept ${commit.slice(0, 12)} of ${branch} in ${ref}`);
    return ref;
  }
}

/** Newest first. */
export async function listRescues(git: Git): Promise<Rescue[]> {
  const format = '--format=%(refname)%00%(objectname)%00%(creatordate:unix)%00%(contents:subject)';
  const lines = (await git.text(['for-each-ref', format, RESCUE])).split('\n').filter((line) => line !== '');
  return lines.map(parseLine).sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : a.ref < b.ref ? 1 : -1));
}

export async function expireRescues(context: BranchContext, limits: { maxAgeMs: number; keep: number }): Promise<Rescue[]> {
  const oldest = new Date(context.now() - limits.maxAgeMs).toISOString();
  const expired = (await listRescues(context.git)).slice(limits.keep).filter(({ time }) => time < oldest);
  if (expired.length === 0) return [];
  // With the value it was seen with: a ref that changed meanwhile stays.
  const input = expired.map(({ ref, commit }) => `delete ${ref} ${commit}\n`).join('');
  await context.git.must(['update-ref', '--stdin'], { input });
  context.log(`deleted ${expired.length} rescue refs older than ${oldest}`);
  return expired;
}

/** UTC, as it may stand in a ref: `20250131T235959Z`. */
export function timeStamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/[-:]|\.\d+/g, '');
}

function parseLine(line: string): Rescue {
  const [ref = '', commit = '', created = '0', subject = ''] = line.split('\0');
  const name = ref.slice(RESCUE.length);
  const slot = /^\d{8}T\d{6}Z-([ab])-/.exec(name)?.[1];
  const from = slot === undefined ? name.slice(0, Math.max(name.lastIndexOf('/'), 0)) || name : `slot ${slot}`;
  return { ref, commit, time: timeInName(name) ?? new Date(Number(created) * 1000).toISOString(), from, subject };
}

function timeInName(name: string): string | undefined {
  const parts = /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(name.slice(name.lastIndexOf('/') + 1));
  if (parts === null) return undefined;
  const [, year, month, day, hours, minutes, seconds] = parts;
  return `${year}-${month}-${day}T${hours}:${minutes}:${seconds}.000Z`;
}

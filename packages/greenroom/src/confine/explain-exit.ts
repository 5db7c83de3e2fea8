import type { Findings, Limited, ResourceLimits } from './limits.ts';

/** How a process ended. */
interface Exit {
  code: number | null;
  signal: string | null;
  description: string;
}

/** The same with its cause, and the field of the contract that set it. */
export interface ExplainedExit extends Exit {
  limit?: string;
}

/** Says which limit a program ran into, when one did: by what the kernel counted, the signal that ended it, and the errors that its last output names. */
export function explainExit<E extends Exit>(
  exit: E,
  { limits, kind, findings, tail }: { limits: ResourceLimits; kind: Limited; findings: Findings; tail: readonly string[] },
): E | (E & ExplainedExit) {
  const field = (name: keyof ResourceLimits): string => `limits.${kind}.${name}`;
  const as = (name: keyof ResourceLimits, description: string): E & ExplainedExit => ({ ...exit, description, limit: field(name) });
  const after = (name: keyof ResourceLimits, cause: string): E & ExplainedExit =>
    as(name, `${exit.description}, ${cause} (${field(name)})`);
  const { memory_mb, processes, file_size_mb, open_files } = limits;
  const { memoryKills, endedAtMb, refusedForks } = findings;
  const bySignal = exit.code === null;

  if (memory_mb !== undefined && endedAtMb > 0)
    return as('memory_mb', `was ended by Greenroom at ${endedAtMb} MB of memory; its limit is ${memory_mb} MB (${field('memory_mb')})`);
  if (memory_mb !== undefined && memoryKills > 0) {
    const one = `at ${findings.peakMb || memory_mb} MB of memory`;
    return exit.signal === 'SIGKILL' || (bySignal && exit.signal === null)
      ? as('memory_mb', `was killed by the kernel ${one}, its limit (${field('memory_mb')})`)
      : after('memory_mb', `after the kernel had killed one of its processes ${one}, their limit together`);
  }
  if (processes !== undefined && refusedForks > 0)
    return after('processes', `after the kernel had refused it ${refusedForks} new processes or threads beyond its ${processes}`);
  if (file_size_mb !== undefined && exit.signal === 'SIGXFSZ')
    return as('file_size_mb', `was killed by SIGXFSZ for a file of more than ${file_size_mb} MB, its limit (${field('file_size_mb')})`);
  if (bySignal || exit.code !== 0) {
    if (file_size_mb !== undefined && names(tail, /\bEFBIG\b|File too large|File size limit exceeded/))
      return after('file_size_mb', `and its output tells of a file that got larger than ${file_size_mb} MB, its limit`);
    if (open_files !== undefined && names(tail, /\bEMFILE\b|[Tt]oo many open files/))
      return after('open_files', `and its output tells of too many open files; it may have ${open_files}`);
  }
  return exit;
}

/** What the kernel refused or ended while the program itself went on, as sentences about its processes. */
export function describeFindings({ limits, kind, findings }: { limits: ResourceLimits; kind: Limited; findings: Findings }): string[] {
  const { memoryKills, refusedForks, peakMb } = findings;
  const { memory_mb, processes } = limits;
  const killed = `The kernel killed ${memoryKills} of its processes at ${peakMb || memory_mb} MB of memory, their limit together (limits.${kind}.memory_mb).`;
  const refused = `The kernel refused it ${refusedForks} new processes or threads beyond its ${processes} (limits.${kind}.processes).`;
  return [
    ...(memory_mb !== undefined && memoryKills > 0 ? [killed] : []),
    ...(processes !== undefined && refusedForks > 0 ? [refused] : []),
  ];
}

const names = (lines: readonly string[], pattern: RegExp): boolean => lines.some((line) => pattern.test(line));

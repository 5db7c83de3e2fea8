import { readFileSync } from 'node:fs';

/** By the bit that the kernel has for each: what it takes to start programs as other users, look after them, and mend their files. */
const NEEDED: readonly [name: string, bit: bigint][] = [
  ['CAP_CHOWN', 0n],
  ['CAP_DAC_OVERRIDE', 1n],
  ['CAP_FOWNER', 3n],
  ['CAP_FSETID', 4n],
  ['CAP_KILL', 5n],
  ['CAP_SETGID', 6n],
  ['CAP_SETUID', 7n],
  ['CAP_SETPCAP', 8n],
  ['CAP_SYS_PTRACE', 19n],
];

/** What the service of an isolated app gives its orchestrator: besides what it needs, raising a limit of its own. */
export const ORCHESTRATOR_CAPABILITIES: readonly string[] = [...NEEDED.map(([name]) => name), 'CAP_SYS_RESOURCE'];

/** Names of the capabilities that an orchestrator with other users' programs needs and this process lacks; none for root. */
export function missingCapabilities(): string[] {
  const status = readFileSync('/proc/self/status', 'latin1');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return NEEDED.filter(([, bit]) => ((effective >> bit) & 1n) === 0n).map(([name]) => name);
}

/** Whether this process can start programs as other users. */
export function mayBecomeOthers(): boolean {
  return missingCapabilities().length === 0;
}

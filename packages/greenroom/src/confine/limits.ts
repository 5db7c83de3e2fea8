/** Programs that have limits of their own in the contract. */
export type Limited = 'app' | 'setup' | 'agent';

/** What a program and all that it starts may use together, as the contract's `limits` has it. Without a field there is no limit of ours. */
export interface ResourceLimits {
  memory_mb?: number | undefined;
  /** 100 is one processor core. */
  cpu_percent?: number | undefined;
  /** Threads count too: the kernel makes no difference. */
  processes?: number | undefined;
  /** Of each process. */
  open_files?: number | undefined;
  /** Of each file that it writes. */
  file_size_mb?: number | undefined;
}

export const MEGABYTE: number = 1024 * 1024;

/** What a program ran into, as the kernel or our own watch counted it. */
export interface Findings {
  /** Most memory that was used at once; 0 when it is not known. */
  peakMb: number;
  /** Processes that the kernel ended for want of memory. */
  memoryKills: number;
  /** Processes and threads that it refused to start. */
  refusedForks: number;
  /** Memory that it used when our own watch ended it for that; 0 when it did not. */
  endedAtMb: number;
}

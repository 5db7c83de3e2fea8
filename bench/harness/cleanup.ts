import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Makes sure that the work is done once: when the answered function is called, or when this process is told to end, which it does afterwards.
 * What a bench starts has sessions of its own and would live on.
 */
export function cleanUpOnce(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  const cleanUp = (): Promise<void> => {
    done ??= work().finally(() => {
      for (const signal of SIGNALS) process.off(signal, interrupted);
    });
    return done;
  };
  const interrupted = (signal: NodeJS.Signals): void => {
    console.error(`${signal}: stopping and cleaning up …`);
    void cleanUp().finally(() => process.exit(128 + constants.signals[signal]));
  };
  for (const signal of SIGNALS) process.on(signal, interrupted);
  return cleanUp;
}

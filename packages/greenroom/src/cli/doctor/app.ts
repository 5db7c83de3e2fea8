import { type AppExamination, examineApp } from '../../app-doctor/examine.ts';
import { StageError } from '../../app-doctor/stage-folder.ts';
import { readContract } from '../../orchestrator/adapters/contract-file.ts';
import { createSecrets, SecretsError } from '../../orchestrator/adapters/secrets.ts';
import { type Cli, CliError, EXIT } from '../context.ts';
import type { Target } from '../target.ts';
import type { AppDoctorFlags } from './app-flags.ts';

/** Tries the app, and leaves nothing behind when it is interrupted. Undefined when it was. */
export async function tryApp(
  cli: Cli,
  { app, layout }: Target,
  flags: AppDoctorFlags,
  quiet: boolean,
): Promise<AppExamination | undefined> {
  const read = await readContract(app.contract);
  if (!read.ok) throw new CliError(EXIT.failed, 'contract_invalid', read.sentences.join('\n'));
  if (read.contract.run_as)
    throw new CliError(
      EXIT.failed,
      'app_isolated',
      `"${app.name}" has users of its own, and this would boot it as the user that asks: try it where it is not isolated, such as on your own machine.`,
    );
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, stop);
  try {
    return await examineApp({
      app: app.name,
      layout,
      contract: read.contract,
      contractText: read.text,
      repo: app.repo,
      secrets: createSecrets({ layout, contract: read.contract, env: cli.env }),
      env: cli.env,
      signal: abort.signal,
      paths: flags.path ?? [],
      signIn: flags.signIn,
      without: flags.without ?? [],
      progress: (sentence) => !quiet && cli.stderr.isTTY && cli.warn(sentence),
    });
  } catch (error) {
    if (abort.signal.aborted) return undefined;
    if (error instanceof StageError || error instanceof SecretsError) throw new CliError(EXIT.failed, 'app_not_tried', error.message);
    throw error;
  } finally {
    for (const signal of signals) process.removeListener(signal, stop);
  }
}

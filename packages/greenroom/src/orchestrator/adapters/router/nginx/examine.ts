import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { Layout } from '../../../layout.ts';
import { userOf, whyUnreachable } from '../reach.ts';
import { checkHostOf } from './config.ts';
import { ask, createProgram } from './program.ts';

export interface Examined {
  /** Why nginx does not take its configuration as it lies on disk; empty when it does. */
  complaint: string;
  /** Whether nginx reads the folder's files. */
  reads: boolean;
  /** Why this user may not write there, as the system's code: `ENOENT`, `EACCES`; empty when it may. */
  unwritable: string;
  /** Whether the running nginx serves the app. */
  serves: boolean;
  /** Why nginx's workers do not get to the app's sockets; empty when they do, or nobody is there to ask. */
  unreachable: string;
}

export interface ExamineOptions {
  /** The app's name for the proxy. */
  app: string;
  port: number;
  configDir: string;
  command: readonly string[];
  layout: Pick<Layout, 'data' | 'sockets'>;
}

/** What can be said of nginx without changing anything. */
export async function examineNginx({ app, port, configDir, command, layout }: ExamineOptions): Promise<Examined> {
  const tested = await createProgram(command).test();
  const unwritable = await access(configDir, constants.W_OK).then(
    () => '',
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  );
  const answer = await ask(port, checkHostOf(app));
  const serves = typeof answer === 'object';
  return {
    complaint: tested.ok ? '' : tested.complaint,
    reads: includes(tested.stdout, configDir),
    unwritable,
    serves,
    unreachable: serves ? await whyUnreachable("nginx's workers", userOf(answer.worker), layout) : '',
  };
}

/** Whether a whole configuration has the line that includes the folder's files. */
function includes(configuration: string, folder: string): boolean {
  return configuration.split('\n').some((line) => {
    const [, pattern = ''] = /^[^#]*\binclude\s+["']?([^"';\s]+)/.exec(line) ?? [];
    return pattern.replace(/\/+/g, '/') === `${folder}/*.conf`.replace(/\/+/g, '/');
  });
}

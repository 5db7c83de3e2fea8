import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { IsolationNames } from '../../isolation/names.ts';
import { syncFolder } from '../../orchestrator/adapters/durable.ts';
import { CliError, EXIT } from '../context.ts';

export interface NamedUsers {
  text: string;
  /** Fields that the contract lacked, with their values as JSON; empty when it names its users already. */
  added: string[];
}

/**
 * The contract's text with the users that it does not name yet, and with the API's port, by which all of them could call as persons, for questions only.
 * What the operator has chosen stays.
 */
export function withUsers(text: string, names: IsolationNames): NamedUsers {
  const contract = JSON.parse(text.replace(/^\uFEFF/, '')) as Record<string, unknown>;
  const added: string[] = [];
  const add = (object: Record<string, unknown>, path: string, field: string, user: string): void => {
    if (object[field] !== undefined) return;
    object[field] = { user };
    added.push(`"${path}": ${JSON.stringify({ user })}`);
  };
  add(contract, 'run_as', 'run_as', names.app);
  add(contract, 'setup_run_as', 'setup_run_as', names.setup);
  const { agent } = contract;
  if (typeof agent === 'object' && agent !== null) add(agent as Record<string, unknown>, 'agent.run_as', 'run_as', names.agent);
  if (contract['api_access'] === undefined) {
    contract['api_access'] = 'read';
    added.push('"api_access": "read"');
  }
  return { text: `${JSON.stringify(contract, null, 2)}\n`, added };
}

/** Replaces the operator's contract, whole or not at all; owner and mode stay as they are. Throws `CliError` for one that is a link. */
export async function replaceContract(file: string, text: string): Promise<void> {
  const before = await lstat(file);
  if (!before.isFile())
    throw new CliError(
      EXIT.failed,
      'contract_is_a_link',
      `${file} is a link, so it was not changed. Name the contract itself: greenroom init --contract FILE`,
    );
  const temporary = `${file}.${randomBytes(8).toString('hex')}.tmp`;
  // A name that nobody can have put a link at.
  const handle = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    await handle.writeFile(text);
    await handle.chown(before.uid, before.gid);
    await handle.chmod(before.mode & 0o777);
    await handle.sync();
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  await syncFolder(dirname(file));
}

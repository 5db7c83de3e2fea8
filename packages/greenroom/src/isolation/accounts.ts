import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findGroup, findUser } from '../confine/users.ts';
import type { Layout } from '../orchestrator/layout.ts';
import { isolationNames } from './names.ts';
import type { Change } from './ownership.ts';
import { homeOf } from './places.ts';

const run = promisify(execFile);
const NO_SHELL = '/usr/sbin/nologin';

/**
 * The users and groups of an app that the machine lacks, each as one change, in their order. Nobody can log in as any of them. `proxyUser` is whose
 * proxy leads to the chat, through the data directory.
 */
export async function accountChanges(app: string, layout: Layout, proxyUser: string): Promise<Change[]> {
  const { orchestrator, app: instance, agent, setup, run: group } = isolationNames(app);
  const users: [name: string, home: string][] = [
    [orchestrator, layout.data],
    [instance, homeOf(layout, 'app')],
    [agent, homeOf(layout, 'agent')],
    [setup, homeOf(layout, 'setup')],
  ];
  const changes: Change[] = [];
  if ((await findGroup(group)) === undefined)
    changes.push({ says: `make the group ${group}`, make: async () => void (await run('groupadd', ['--system', group])) });
  for (const [name, home] of users) {
    const found = await findUser({ user: name });
    if (typeof found === 'string') {
      const own = (await findGroup(name)) === undefined ? ['--user-group'] : ['--gid', name];
      const args = ['--system', ...own, '--home-dir', home, '--no-create-home', '--shell', NO_SHELL, '--groups', group, name];
      changes.push({ says: `make the user ${name}`, make: async () => void (await run('useradd', args)) });
      continue;
    }
    changes.push(...(await membership(name, group)));
    if (found.home !== home)
      changes.push({ says: `make ${home} the home of ${name}`, make: async () => void (await run('usermod', ['-d', home, name])) });
  }
  changes.push(...(await membership(proxyUser, group)));
  return changes;
}

async function membership(name: string, group: string): Promise<Change[]> {
  const { stdout } = await run('id', ['-Gn', '--', name]);
  if (stdout.trim().split(' ').includes(group)) return [];
  return [{ says: `add ${name} to the group ${group}`, make: async () => void (await run('usermod', ['-aG', group, name])) }];
}

import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { asUser } from '../confine/as-user.ts';
import { confine } from '../confine/command.ts';
import type { Users } from '../confine/confinement.ts';
import { findGroup, findUser, type User } from '../confine/users.ts';
import type { Layout } from '../orchestrator/layout.ts';
import { examinePlaces, mendPlace } from './examine.ts';
import { isolationNames } from './names.ts';
import { takeFromRoot } from './ownership.ts';
import { homeOf, nameOf, type Owners, type PlaceOptions, placesOf } from './places.ts';

const run = promisify(execFile);

export interface IsolatedApp extends PlaceOptions {
  app: string;
  layout: Layout;
  users: Users;
  /** Of the operator. */
  contractFile: string;
}

/**
 * Makes sure of the walls around an isolated app before anything of it is started: what can be put right is, and told of; for anything else it answers
 * sentences, and the app must not be started. Repeatable. Call with the data directory's lock held.
 */
export async function holdIsolation(isolated: IsolatedApp, say: (message: string) => void): Promise<string[]> {
  const { app, layout } = isolated;
  const owners = await ownersOf(isolated);
  if (typeof owners === 'string') return [owners];
  const wrong = await examinePlaces(placesOf(layout, owners, isolated));
  const refused = wrong.filter(({ mendable }) => !mendable);
  if (refused.length > 0)
    return refused.map(
      ({ place, says }) => `${place.path} ${says}. Look at how that came about, move it away, then: greenroom isolate --app ${app}`,
    );
  for (const { place, says } of wrong) {
    await mendPlace(place);
    say(`${nameOf(place, layout)} ${says}: put right.`);
  }
  if (process.getuid?.() !== 0) await takeFromRoot(layout, owners);
  return await whatUsersMeet(isolated);
}

/** Numbers of all users; a sentence when the group of them all is missing. */
export async function ownersOf({ app, users }: Pick<IsolatedApp, 'app' | 'users'>): Promise<Owners | string> {
  const { run: group, orchestrator: name } = isolationNames(app);
  const gid = await findGroup(group);
  if (gid === undefined) return `The group "${group}" does not exist on this machine: "greenroom isolate --app ${app}" makes it.`;
  // Root takes that part too, and then leaves what it makes to it.
  const orchestrator = await findUser({ user: name });
  if (typeof orchestrator === 'string') return `${orchestrator}: "greenroom isolate --app ${app}" makes it.`;
  return { orchestrator, ...users, run: gid };
}

/** What keeps the users from what they need, or lets them at what they must not have, found by trying it as each of them. */
export async function whatUsersMeet({ app, layout, users, contractFile }: IsolatedApp): Promise<string[]> {
  const each: [user: User, home: string][] = [
    [users.app, homeOf(layout, 'app')],
    [users.setup, homeOf(layout, 'setup')],
    ...(users.agent ? ([[users.agent, homeOf(layout, 'agent')]] as [User, string][]) : []),
  ];
  const told = new Set<string>();
  for (const [user, home] of each) {
    const place = users.setup.uid === users.app.uid ? homeOf(layout, 'app') : home;
    if (user !== users.agent && !(await may(user, '-x', layout.slot('a')))) told.add(await closedTo(user, layout, app));
    else if (!(await may(user, '-x', user === users.agent ? home : place))) told.add(await closedTo(user, layout, app));
    if (!(await may(user, '-x', process.execPath)))
      told.add(`The user "${user.name}" cannot run ${process.execPath}: install Node.js where every user may run it.`);
    for (const mine of [contractFile, dirname(contractFile)])
      if (await may(user, '-w', mine))
        told.add(`The user "${user.name}" may write ${mine}, which is the operator's. Run: chmod go-w '${mine}'`);
  }
  return [...told];
}

async function closedTo(user: User, layout: Layout, app: string): Promise<string> {
  for (let at = dirname(layout.data), closed = ''; ; at = dirname(at)) {
    if (await may(user, '-x', at)) {
      if (closed === '') break;
      return `The user "${user.name}" may not enter ${closed}, and so cannot reach the app's folder. Run: chmod o+x '${closed}', or keep the app's data elsewhere.`;
    }
    closed = at;
    if (dirname(at) === at) break;
  }
  return `The user "${user.name}" may not enter ${layout.data}: is it in the group "${isolationNames(app).run}"? Run: greenroom isolate --app ${app}`;
}

async function may(user: User, test: '-x' | '-w', path: string): Promise<boolean> {
  const { file, args } = confine({ file: 'test', args: [test, path] }, [asUser(user)]);
  return await run(file, args, { cwd: '/' }).then(
    () => true,
    (error: { code?: unknown }) => {
      if (error.code === 1) return false;
      throw error;
    },
  );
}

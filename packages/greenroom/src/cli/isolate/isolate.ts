import { lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { openConfinement, type Users } from '../../confine/confinement.ts';
import { userName } from '../../confine/users.ts';
import { accountChanges } from '../../isolation/accounts.ts';
import { examinePlaces, mendPlace } from '../../isolation/examine.ts';
import { type IsolatedApp, ownersOf, whatUsersMeet } from '../../isolation/hold.ts';
import { type IsolationNames, isolationNames } from '../../isolation/names.ts';
import { type Change, doubledFiles, ownershipChanges, privacyChanges } from '../../isolation/ownership.ts';
import { placesOf } from '../../isolation/places.ts';
import { readContract } from '../../orchestrator/adapters/contract-file.ts';
import { takeLock } from '../../orchestrator/adapters/lock.ts';
import type { Contract } from '../../orchestrator/core/contract.ts';
import { reachesSockets } from '../../orchestrator/core/contract-router.ts';
import { environHas, processTable, readEnviron } from '../../proc.ts';
import { type Cli, CliError, EXIT, type Exit } from '../context.ts';
import { checkIsolation } from '../doctor/isolation.ts';
import { count, showFindings } from '../doctor/show.ts';
import type { AppFlags } from '../flags.ts';
import { greenroomCommand } from '../own-command.ts';
import { findTarget, type Target } from '../target.ts';
import { json } from '../terminal.ts';
import { replaceContract, withUsers } from './contract-users.ts';
import { openHome } from './home.ts';

export interface IsolateFlags extends AppFlags {
  readonly check: boolean;
  readonly dryRun: boolean;
}

/** Gives an app users of its own, says each thing that it does, and does only what is not so yet. */
export async function isolate(cli: Cli, flags: IsolateFlags): Promise<Exit> {
  const target = await findTarget(cli, flags);
  const { contract, text } = await contractOf(target);
  if (flags.check) return await check(cli, flags, target, contract);
  if (process.getuid?.() !== 0) throw notRoot(cli, target);
  await requireRealFolder(target);
  const steps: string[] = [];
  const carryOut = async (changes: readonly Change[]): Promise<void> => {
    for (const { says, make } of changes) {
      if (!flags.dryRun) await make();
      steps.push(says);
      if (!flags.json) cli.say(`${flags.dryRun ? cli.paint('dim', '–') : cli.paint('green', '✓')} ${says}`);
    }
  };
  const names = isolationNames(target.app.name);
  const named = withUsers(text, names);
  await whileNothingRuns(target, async () => {
    const accounts = await accountChanges(target.app.name, target.layout, await proxyUser(cli));
    await carryOut(accounts);
    if (flags.dryRun && accounts.length > 0) await carryOut([later(`then give ${target.layout.data} and what is in it to these users`)]);
    else await carryOut(await filesOf(cli, target, contract, await usersOf(named.text)));
    if (named.added.length > 0)
      await carryOut([
        {
          says: `write ${named.added.join(', ')} into ${target.app.contract}`,
          make: async () => await replaceContract(target.app.contract, named.text),
        },
      ]);
  });
  if (!flags.dryRun) await requireReachable(target, contract, await usersOf(named.text));
  tellEnd(cli, flags, target, names, steps);
  return EXIT.ok;
}

async function filesOf(cli: Cli, target: Target, contract: Contract, users: Users): Promise<Change[]> {
  const { layout } = target;
  const owners = await ownersOf({ app: target.app.name, users });
  if (typeof owners === 'string') throw new CliError(EXIT.failed, 'no_users', owners);
  const places = placesOf(layout, owners, { foreignProxy: reachesSockets(contract) });
  const wrong = await examinePlaces(places);
  const strange = wrong.filter(({ mendable }) => !mendable);
  const doubled = await doubledFiles(layout);
  const problems = [
    ...strange.map(({ place, says }) => `${place.path} ${says}: look at how that came about, and move it away.`),
    ...doubled.map(
      (file) => `${file} has a second name somewhere, by which others may reach it: make it a file of its own (cp, then mv), or remove it.`,
    ),
  ];
  if (problems.length > 0) throw new CliError(EXIT.failed, 'strange_files', ['Nothing was given to anybody:', ...problems].join('\n'));
  return [
    ...(await openHome(cli.home, layout.data)),
    ...(await ownershipChanges(layout, owners)),
    ...(await privacyChanges(layout, owners, places)),
    ...wrong.map(({ place, says }) => ({ says: `put right: ${place.path} ${says}`, make: async () => await mendPlace(place) })),
  ];
}

async function check(cli: Cli, flags: IsolateFlags, { app, layout }: Target, contract: Contract): Promise<Exit> {
  const findings = await checkIsolation({ app, layout, contract });
  const { fail, warn } = count(findings);
  const stands = contract.run_as !== undefined && fail + warn === 0;
  if (flags.json) cli.say(json({ success: stands, app: app.name, findings }, 2));
  else showFindings(cli, findings, stands ? 'Every wall stands.' : 'There are no walls.');
  return stands ? EXIT.ok : EXIT.failed;
}

async function contractOf({ app }: Target): Promise<{ contract: Contract; text: string }> {
  const read = await readContract(app.contract);
  if (read.ok) return read;
  throw new CliError(EXIT.failed, 'contract_invalid', ['The contract cannot be used:', ...read.sentences].join('\n'));
}

/** The users as the new contract names them. They exist by now. */
async function usersOf(text: string): Promise<Users> {
  const confinement = await openConfinement(JSON.parse(text.replace(/^\uFEFF/, '')) as Contract, {});
  if ('sentences' in confinement) throw new CliError(EXIT.failed, 'users_refused', confinement.sentences.join('\n'));
  if (!confinement.users) throw new Error('the contract names no users');
  return confinement.users;
}

/** What belongs to whom must not change under the hands of an app that runs, nor may one be started meanwhile. */
async function whileNothingRuns({ app, layout }: Target, work: () => Promise<void>): Promise<void> {
  const running = new CliError(EXIT.failed, 'app_runs', `"${app.name}" runs. Stop it first: greenroom stop --app ${app.name}`);
  await mkdir(layout.run, { recursive: true, mode: 0o700 });
  const lock = takeLock(layout.lock);
  if (!lock) throw running;
  try {
    const entry = `GREENROOM_CONTRACT=${layout.contractCopy}`;
    const left = [...processTable().keys()].filter((pid) => environHas(readEnviron(pid) ?? Buffer.alloc(0), entry));
    if (left.length > 0)
      throw new CliError(
        EXIT.failed,
        'app_runs',
        `Processes of "${app.name}" run without its orchestrator (${left.join(', ')}): start it and stop it once, with "greenroom start --app ${app.name}".`,
      );
    await work();
  } finally {
    lock.release();
  }
}

/** A link would have root give away what it leads to. */
async function requireRealFolder({ layout }: Target): Promise<void> {
  for (const path of [dirname(layout.data), layout.data, layout.run, layout.lock]) {
    const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    });
    if (found === undefined || (path === layout.lock ? found.isFile() : found.isDirectory())) continue;
    const what = found.isSymbolicLink() ? 'a link' : 'not what it has to be';
    throw new CliError(
      EXIT.failed,
      'strange_data',
      `${path} is ${what}, so nothing in it was given to anybody. Name the folder itself: --data DIR`,
    );
  }
}

async function requireReachable({ app, layout }: Target, contract: Contract, users: Users): Promise<void> {
  const isolated: IsolatedApp = { app: app.name, layout, users, contractFile: app.contract, foreignProxy: reachesSockets(contract) };
  const problems = await whatUsersMeet(isolated);
  if (problems.length > 0) throw new CliError(EXIT.failed, 'users_kept_out', problems.join('\n'));
}

/** The proxy of the machine's services runs as the owner of Greenroom's home. */
async function proxyUser({ home }: Cli): Promise<string> {
  return (await userName((await lstat(home)).uid)) || 'root';
}

function notRoot(cli: Cli, { app }: Target): CliError {
  const again = ['sudo', 'env', `GREENROOM_HOME=${cli.home}`, ...greenroomCommand(), 'isolate', '--app', app.name].join(' ');
  return new CliError(
    EXIT.failed,
    'not_permitted',
    `Only root makes users and gives files to them:\n${again}\nTo see what is so already: greenroom isolate --check --app ${app.name}`,
  );
}

function later(says: string): Change {
  return { says, make: async () => undefined };
}

function tellEnd(cli: Cli, flags: IsolateFlags, { app }: Target, users: IsolationNames, steps: readonly string[]): void {
  const next = `greenroom service install --app ${app.name}`;
  if (flags.json) cli.say(json({ success: true, app: app.name, dry_run: flags.dryRun, users, steps, next: [next] }, 2));
  else if (flags.dryRun) cli.say(steps.length === 0 ? 'Nothing is left to do.' : 'Nothing was changed: --dry-run.');
  else {
    if (steps.length === 0) cli.say(`"${app.name}" has its users, and everything is as it has to be.`);
    cli.say(`Next, as root: ${next} (or greenroom start --app ${app.name})`);
  }
}

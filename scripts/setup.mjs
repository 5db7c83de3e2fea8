/**
 * Makes a fresh clone ready and then runs a command with the right Node:
 *
 *     node scripts/setup.mjs [--needs=git,python3,agents,caddy?] node script.ts [arguments]
 *
 * A program with a question mark is installed when that is possible, and done without otherwise.
 * Plain JavaScript, because whatever Node the machine has (18 or later) starts it. Does nothing but two small reads when all is in place. Otherwise
 * installs, one run at a time, what is missing: Node 24 below `.tools/`, the npm packages of package-lock.json, Debian programs. Each of these
 * is complete or absent after a crash: Node appears by a rename, npm writes `node_modules/.package-lock.json` last.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { constants as osConstants } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const MINIMUM_NODE_MAJOR = 24;
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const TOOLS = join(ROOT, '.tools');
const NODE_SOURCE = join(ROOT, 'scripts', 'node');
const NODE_HOME = join(TOOLS, 'node');
const NODE = join(NODE_HOME, 'node_modules', '.bin', 'node');
const NODE_STAMP = join(NODE_HOME, '.complete');
const LOCK_FILE = join(TOOLS, 'setup.lock');
const LOG_FILE = join(TOOLS, 'setup.log');
/** In node_modules, so that it goes with it: the hash of the package-lock.json that it was checked against. */
const PACKAGES_STAMP = '.greenroom-setup';
/** Exit status of `flock --nonblock` when another run holds the lock. */
const LOCK_BUSY = 75;
/** npm's own patience with a dead network is over a minute; nobody waits that long for "you are offline". */
const NPM_PATIENCE = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'];
const INSTALL_ONLY = '--install-only';

/** Words of `--needs` that are folders of npm packages instead of programs: large, and only for some tests. */
const EXTRA_FOLDERS = { agents: 'test/agents' };

/** Debian packages that are not named after their program, or that it needs beside its own. */
const DEBIAN_PACKAGES = { bwrap: 'bubblewrap', ip: 'iproute2', podman: ['podman', 'crun', 'catatonit', 'uidmap'], psql: 'postgresql' };

class SetupError extends Error {}

main(process.argv.slice(2));

function main(args) {
  const needs = args[0]?.startsWith('--needs=') ? args[0].slice('--needs='.length).split(',') : ['git'];
  const command = args[0]?.startsWith('--needs=') ? args.slice(1) : args;
  if (command[0] === INSTALL_ONLY) return attempt(() => install(needs));
  if (command.length === 0) {
    say('nothing to run. Usage: node scripts/setup.mjs node script.ts [arguments]');
    process.exit(2);
  }
  attempt(() => {
    if (!isReady(needs)) installAlone(needs);
  });
  run(command);
}

function attempt(work) {
  try {
    work();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exit(1);
  }
}

function isReady(needs) {
  return findNode() !== '' && packageFolders(needs).every(packagesAreInstalled) && missingPrograms(needs).length === 0;
}

/** Runs the installation below a lock that the kernel releases, so that a killed run blocks nobody; npm inherits it and is waited for. */
function installAlone(needs) {
  mkdirSync(TOOLS, { recursive: true });
  const install = [process.execPath, fileURLToPath(import.meta.url), `--needs=${needs.join(',')}`, INSTALL_ONLY];
  const locked = (options) => spawnSync('flock', [...options, LOCK_FILE, ...install], { stdio: ['ignore', 'inherit', 'inherit'] });
  let result = locked(['--nonblock', '--conflict-exit-code', String(LOCK_BUSY)]);
  if (result.status === LOCK_BUSY) {
    say('another run is setting up; waiting for it');
    result = locked([]);
  }
  if (result.error?.code === 'ENOENT') result = spawnSync(install[0], install.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) throw new SetupError(`could not start the set-up: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function install(needs) {
  mkdirSync(TOOLS, { recursive: true });
  installPrograms(missingPrograms(needs.filter((need) => !isOptional(need))));
  for (const program of missingPrograms(needs.filter(isOptional))) {
    try {
      installPrograms([program]);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      say(`${error.message} Going on without it.`);
    }
  }
  const node = findNode() || installNode();
  for (const folder of packageFolders(needs)) {
    if (!packagesAreInstalled(folder)) installPackages(node, folder);
  }
}

// --- Node

/** Path of a Node that is new enough: the one running this, or the one below `.tools/`. Empty when there is none. */
function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= MINIMUM_NODE_MAJOR) return process.execPath;
  if (!existsSync(NODE)) return '';
  const identity = nodeIdentity();
  if (readIfThere(NODE_STAMP) === identity) return NODE;
  const version = spawnSync(NODE, ['--version'], { encoding: 'utf8' });
  if (version.status !== 0 || Number(version.stdout.slice(1).split('.')[0]) < MINIMUM_NODE_MAJOR) return '';
  writeFileSync(NODE_STAMP, identity);
  return NODE;
}

/** Changes when the binary or the wanted version does. */
function nodeIdentity() {
  return `${statSync(NODE).size} ${createHash('sha256')
    .update(readFileSync(join(NODE_SOURCE, 'package-lock.json')))
    .digest('hex')}\n`;
}

function installNode() {
  const name = `node-${process.platform}-${process.arch}`;
  const version = JSON.parse(readFileSync(join(NODE_SOURCE, 'package.json'), 'utf8')).optionalDependencies[name];
  if (!version) {
    throw new SetupError(
      `Node ${MINIMUM_NODE_MAJOR} is needed, this is Node ${process.versions.node}, and there is no package of it for ${process.platform} ${process.arch}. Install it from https://nodejs.org and run this again.`,
    );
  }
  say(`this is Node ${process.versions.node}; fetching Node ${version} into .tools/ (about 45 MB, once)`);
  const fresh = join(TOOLS, 'node.new');
  rmSync(fresh, { recursive: true, force: true });
  cpSync(NODE_SOURCE, fresh, { recursive: true });
  npm(process.execPath, ['ci', '--prefix', fresh, '--ignore-scripts'], fresh, `Node ${version}`);
  // An optional package that cannot be fetched is not an error to npm.
  if (!existsSync(join(fresh, 'node_modules', '.bin', 'node'))) throw new SetupError(offline(`Node ${version}`));
  rmSync(NODE_HOME, { recursive: true, force: true });
  renameSync(fresh, NODE_HOME);
  const found = findNode();
  if (!found)
    throw new SetupError(
      `Node ${version} was installed below .tools/ but does not run on this machine. Install Node ${MINIMUM_NODE_MAJOR} another way and run this again.`,
    );
  return found;
}

// --- npm packages

/** The repository, each example, and what is asked for beside: an example is an app of its own, with its own lock file. */
function packageFolders(needs) {
  const examples = join(ROOT, 'examples');
  const names = existsSync(examples) ? readdirSync(examples) : [];
  const extra = needs.filter((need) => need in EXTRA_FOLDERS).map((need) => join(ROOT, EXTRA_FOLDERS[need]));
  const apps = names.map((name) => join(examples, name)).filter((folder) => existsSync(join(folder, 'package-lock.json')));
  return [ROOT, ...apps, ...extra];
}

function packagesAreInstalled(folder) {
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  const stamp = join(folder, 'node_modules', PACKAGES_STAMP);
  if (readIfThere(stamp) === sha256(lock)) return true;
  // Installed by another way, `npm install <package>` for example: compare what is there with what is wanted.
  const installed = readIfThere(join(folder, 'node_modules', '.package-lock.json'));
  if (!installed || !matches(JSON.parse(lock).packages, JSON.parse(installed).packages)) return false;
  writeFileSync(stamp, sha256(lock));
  return true;
}

/** Compares by path and version; packages for other platforms may be absent. */
function matches(wanted, installed) {
  const isWanted = ([path, entry]) => wanted[path]?.version === entry.version;
  const isThere = ([path, entry]) => path === '' || entry.optional || entry.devOptional || installed[path]?.version === entry.version;
  return Object.entries(installed).every(isWanted) && Object.entries(wanted).every(isThere);
}

function installPackages(node, folder) {
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  const place = folder === ROOT ? '' : ` in ${relative(ROOT, folder)}`;
  say(`installing the npm packages${place} (npm ci)`);
  // Gone first: a run that is killed half-way must not leave a mark that says all is well.
  for (const mark of [PACKAGES_STAMP, '.package-lock.json']) rmSync(join(folder, 'node_modules', mark), { force: true });
  npm(node, ['ci'], folder, `the npm packages${place}`);
  writeFileSync(join(folder, 'node_modules', PACKAGES_STAMP), sha256(lock));
}

/** Runs npm with the given Node, its chatter in the log; throws a sentence when it fails. */
function npm(node, args, cwd, what) {
  const own = process.env['npm_execpath'];
  const [program, first] = own?.endsWith('.js') ? [node, [own]] : ['npm', []];
  const log = openSync(LOG_FILE, 'w');
  const result = spawnSync(program, [...first, ...args, '--no-audit', '--no-fund', ...NPM_PATIENCE], {
    cwd,
    stdio: ['ignore', log, log],
    env: environment(node),
  });
  closeSync(log);
  if (result.error) throw new SetupError(`npm could not be started (${result.error.message}); install npm and run this again.`);
  if (result.status === 0) return;
  const output = readFileSync(LOG_FILE, 'utf8');
  if (/\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED|ERR_SOCKET_TIMEOUT)\b/.test(output))
    throw new SetupError(offline(what));
  throw new SetupError(
    `npm could not install ${what} (exit status ${result.status}). The end of .tools/setup.log:\n${output.trimEnd().split('\n').slice(-15).join('\n')}`,
  );
}

function offline(what) {
  return `${what} could not be fetched: the npm registry cannot be reached from here. A connection is needed once; check the network (or npm's registry and proxy settings) and run this again. Details are in .tools/setup.log.`;
}

// --- Debian programs

function missingPrograms(needs) {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  return needs
    .map((need) => (isOptional(need) ? need.slice(0, -1) : need))
    .filter((program) => program && !(program in EXTRA_FOLDERS) && !folders.some((folder) => isExecutable(join(folder, program))));
}

function isOptional(need) {
  return need.endsWith('?');
}

function installPrograms(programs) {
  if (programs.length === 0) return;
  const packages = programs.flatMap((program) => DEBIAN_PACKAGES[program] ?? program);
  const advice = `Install ${programs.join(' and ')} (on Debian: apt-get install ${packages.join(' ')}) and run this again.`;
  if (process.getuid?.() !== 0 || !isExecutable('/usr/bin/apt-get')) throw new SetupError(`${programs.join(' and ')} not found. ${advice}`);
  say(`${programs.join(' and ')} not found; installing with apt-get`);
  const log = openSync(LOG_FILE, 'w');
  const options = { stdio: ['ignore', log, log], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const wait = ['-o', 'DPkg::Lock::Timeout=300'];
  // The lists may be usable although a refresh failed, so only the installation decides.
  spawnSync('apt-get', [...wait, 'update'], options);
  const result = spawnSync('apt-get', [...wait, 'install', '--yes', '--no-install-recommends', ...packages], options);
  closeSync(log);
  if (result.status !== 0)
    throw new SetupError(`apt-get could not install ${programs.join(' and ')}; its output is in .tools/setup.log. ${advice}`);
}

// --- Running the command

function environment(node) {
  const path = [dirname(node), join(ROOT, 'node_modules', '.bin'), process.env['PATH'] ?? ''].join(delimiter);
  return { ...process.env, PATH: path, NODE: node, npm_node_execpath: node };
}

function run([program, ...args]) {
  const node = findNode();
  const child = spawn(program === 'node' ? node : program, args, { stdio: 'inherit', env: environment(node) });
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGINT']) {
    // A terminal sends Ctrl-C to the child too; passing it on would make one key press look like two.
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    say(`${program} could not be started: ${error.message}`);
    process.exit(127);
  });
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? 1);
    // End the way the child did, so that whoever waits for this sees the truth.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    setTimeout(() => process.exit(128 + osConstants.signals[signal]), 1000);
  });
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

function sha256(content) {
  return createHash('sha256').update(content).digest('hex');
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '';
    throw error;
  }
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    // Whatever keeps it from being run means that it is not there for us.
    return false;
  }
}

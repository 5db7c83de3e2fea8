import type { AppFiles } from './app-files.ts';
import { nodePackageManager } from './node-package-manager.ts';
import { resolveScript } from './node-script.ts';
import type { Stack } from './types.ts';
import { emptyStack } from './types.ts';

/** Most telling first: a Next app may depend on express as well. */
const FRAMEWORKS: readonly [dependency: string, name: string][] = [
  ['next', 'next'],
  ['nuxt', 'nuxt'],
  ['@nestjs/core', 'nest'],
  ['@remix-run/serve', 'remix'],
  ['@sveltejs/kit', 'sveltekit'],
  ['fastify', 'fastify'],
  ['hono', 'hono'],
  ['koa', 'koa'],
  ['express', 'express'],
];
/** These listen on `PORT` whatever the app's own sources say. */
const READ_PORT = ['next', 'nuxt', 'remix', 'sveltekit'];
/** Longer scripts are programs of their own. */
const LONGEST_TEXT = 1_000;
const ENTRIES = ['server', 'app', 'index', 'main', 'src/server', 'src/app', 'src/index', 'src/main'];
const ENTRY_EXTENSIONS = ['js', 'mjs', 'cjs', 'ts', 'mts'];

export interface PackageJson {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  main: string;
  packageManager: string;
  workspaces: boolean;
}

export async function detectNode(files: AppFiles): Promise<Stack | undefined> {
  const manifest = files.has('package.json') ? parsePackage(await files.read('package.json')) : undefined;
  const entry = entryOf(files, manifest?.main ?? '');
  if (!files.has('package.json') && (entry === '' || !/\.(?:[cm]?js)$/.test(entry))) return undefined;
  const stack = emptyStack('node');
  if (manifest === undefined) {
    if (files.has('package.json')) stack.unknowns.push({ field: 'start_command', text: 'What package.json says: it is not valid JSON.' });
    stack.startCommand = entry === '' ? '' : `node ${entry}`;
    return stack;
  }
  stack.framework = FRAMEWORKS.find(([name]) => name in manifest.dependencies || name in manifest.devDependencies)?.[1] ?? 'plain';
  stack.portByCommand = READ_PORT.includes(stack.framework);
  await setUp(stack, files, manifest);
  start(stack, manifest, entry);
  if (stack.startCommand === '' && !('start' in manifest.scripts)) await explainMissingStart(stack, files, manifest);
  stack.certain = stack.startCommand !== '' && (stack.framework !== 'plain' || 'start' in manifest.scripts);
  return stack;
}

async function setUp(stack: Stack, files: AppFiles, manifest: PackageJson): Promise<void> {
  const manager = await nodePackageManager(files, manifest);
  stack.packageManager = manager.name;
  const needsPackages = Object.keys(manifest.dependencies).length + Object.keys(manifest.devDependencies).length > 0;
  if (!needsPackages) return;
  stack.setupCommand = manager.install;
  stack.setupInputs = ['package.json', ...manager.inputs];
  stack.outputs.push('node_modules/');
  if (manager.unlocked) {
    stack.unknowns.push({
      field: 'setup_command',
      text: `Which versions of its dependencies the app is to get: there is no lock file. Run "${manager.name} install" and commit the lock file.`,
    });
  }
}

function start(stack: Stack, manifest: PackageJson, entry: string): void {
  const script = manifest.scripts['start'];
  const resolved = script === undefined ? undefined : resolveScript('start', manifest.scripts);
  const bun = stack.packageManager === 'bun' && !/^(?:node|tsx)\b/.test(resolved?.command ?? '');
  let command = resolved?.command ?? '';
  if (resolved === undefined && stack.framework === 'next') command = 'next start';
  else if (resolved === undefined && entry !== '') command = bun ? `bun ${entry}` : `node ${entry}`;
  stack.unknowns.push(...(resolved?.unknowns ?? []).map((text) => ({ field: 'start_command', text })));
  if (command === '') return;
  stack.explanations.push(
    ...(resolved?.explanations ?? [`start_command: package.json has no "start" script; ${command} runs what looks like its entry.`]),
  );
  stack.portByCommand ||= /\$\{?PORT\b/.test(command);
  const builds = [
    resolved?.before ?? '',
    'build' in manifest.scripts && !/\bbuild\b/.test(command) ? `${stack.packageManager} run build` : '',
  ];
  const before = builds.filter((part) => part !== '').join(' && ');
  stack.builds = before !== '' || /\bbuild\b/.test(command);
  stack.startCommand = before === '' ? command : `${before} && ${execed(command)}`;
  if (before !== '') {
    stack.explanations.push(
      'start_command builds first, because a build belongs to one commit, while setup_command only runs when dependencies changed.',
    );
  }
}

/** Replaces the shell by the last command, so that signals reach the app; a compound command keeps its shell. */
function execed(command: string): string {
  return /[;&|]|^\w+=/.test(command) ? command : `exec ${command}`;
}

async function explainMissingStart(stack: Stack, files: AppFiles, manifest: PackageJson): Promise<void> {
  const field = 'start_command';
  const inner = files.files.filter((path) => /^(?:[^/]+\/){1,2}package\.json$/.test(path)).slice(0, 30);
  const startable: string[] = [];
  for (const path of inner) {
    if ('start' in (parsePackage(await files.read(path))?.scripts ?? {})) startable.push(path.slice(0, -'/package.json'.length));
  }
  const monorepo = manifest.workspaces || files.has('pnpm-workspace.yaml') || files.has('lerna.json') || files.has('turbo.json');
  if (monorepo || startable.length > 0) {
    const which = startable.length > 0 ? ` Packages with a "start" script: ${startable.join(', ')}.` : '';
    const example = `cd ${startable[0] ?? 'packages/web'} && exec node server.js`;
    stack.unknowns.push({
      field,
      text: `Which package of this monorepo is the app.${which} Fill in start_command, for example "${example}".`,
    });
  } else if ('dev' in manifest.scripts) {
    stack.unknowns.push({
      field,
      text: `How the app starts in production: package.json has no "start" script. Its "dev" script (${manifest.scripts['dev']}) is for development.`,
    });
  } else {
    stack.unknowns.push({
      field,
      text: 'How the app starts: package.json has no "start" script and no entry such as server.js was found.',
    });
  }
}

function entryOf(files: AppFiles, main: string): string {
  const named = main.replace(/^\.\//, '');
  if (named !== '' && files.has(named)) return named;
  const candidates = ENTRIES.flatMap((name) => ENTRY_EXTENSIONS.map((extension) => `${name}.${extension}`));
  return candidates.find((path) => files.has(path)) ?? '';
}

function parsePackage(text: string): PackageJson | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const member = (name: string): unknown => (Object.hasOwn(json, name) ? Reflect.get(json, name) : undefined);
  const string = (name: string): string => (typeof member(name) === 'string' ? String(member(name)) : '');
  return {
    scripts: stringsOf(member('scripts')),
    dependencies: stringsOf(member('dependencies')),
    devDependencies: stringsOf(member('devDependencies')),
    main: string('main'),
    packageManager: string('packageManager'),
    workspaces: member('workspaces') !== undefined,
  };
}

function stringsOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1].length < LONGEST_TEXT,
  );
  return Object.assign(Object.create(null), Object.fromEntries(entries));
}

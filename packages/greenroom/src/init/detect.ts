import type { AppFiles } from './app-files.ts';
import { openAppFiles } from './app-files.ts';
import { readHumanBranch } from './git-branch.ts';
import { readGitignore } from './gitignore.ts';
import { detectGo } from './go.ts';
import { detectNode } from './node.ts';
import { freePort } from './ports.ts';
import { detectProcfile, withProcfile } from './procfile.ts';
import { detectPython } from './python.ts';
import { detectRuby } from './ruby.ts';
import type { SourceLine } from './sources.ts';
import { findHardCodedPorts, findHealthEndpoint, readSources, readsVariable } from './sources.ts';
import { findSharedPaths } from './storage.ts';
import type { Detection, Stack, Unknown } from './types.ts';
import { findVariables } from './variables.ts';

const DEFAULT_PORT = 3_000;
const PORT_EXPRESSION: Record<Stack['language'], string> = {
  node: 'process.env.PORT',
  python: 'os.environ["PORT"]',
  ruby: 'ENV["PORT"]',
  go: 'os.Getenv("PORT")',
  procfile: 'the environment variable PORT',
};

/**
 * Looks at an app's folder and says what a contract for it needs. Reads within bounds, follows no links, runs nothing of the app, asks nothing.
 * A folder where nothing is recognised gives a detection with `unknowns`. `takenPorts` are those of other apps, running or not.
 */
export async function detectApp(directory: string, { takenPorts = [] }: { takenPorts?: readonly number[] } = {}): Promise<Detection> {
  const files = await openAppFiles(directory);
  const procfile = await detectProcfile(files);
  const stacks = [await detectRuby(files), await detectPython(files), await detectGo(files), await detectNode(files)].filter(
    (stack) => stack !== undefined,
  );
  const chosen = stacks.find((stack) => stack.certain) ?? stacks[0];
  const stack = chosen === undefined ? procfile : procfile === undefined ? chosen : withProcfile(chosen, procfile);
  const lines = stack === undefined ? [] : await readSources(files, stack.language);
  const isIgnored = await readGitignore(files);
  const health = findHealthEndpoint(lines, files) ?? railsHealth(stack, files);
  const stores = await findSharedPaths(files, lines, isIgnored);
  const variables = await findVariables(files);
  const port = await freePort(DEFAULT_PORT, takenPorts);
  const internalPort = readsVariable(lines, 'INTERNAL_PORT') ? await freePort(port + 1, takenPorts) : 0;
  return {
    directory: files.directory,
    kind: stack?.language ?? 'unknown',
    framework: stack?.framework ?? '',
    packageManager: stack?.packageManager ?? '',
    startCommand: stack?.startCommand ?? '',
    setupCommand: stack?.setupCommand ?? '',
    setupInputs: stack?.setupInputs ?? [],
    builds: stack?.builds ?? false,
    port,
    internalPort,
    healthEndpoint: health?.path ?? '',
    sharedPaths: stores.paths,
    secrets: variables.secrets,
    env: { ...variables.env, ...stack?.env },
    humanBranch: await readHumanBranch(files.directory),
    unknowns: [
      ...(stack === undefined ? [nothingRecognised(files)] : stack.unknowns),
      ...(stack === undefined ? [] : portUnknowns(stack, lines)),
      ...(health === undefined ? [healthUnknown()] : []),
      ...(stack === undefined ? [] : ignoreUnknowns(stack, isIgnored)),
      ...stores.unknowns,
      ...variables.unknowns,
      ...otherStacks(stacks, chosen),
      ...(files.truncated ? [{ field: '', text: 'Whether all of the app was seen: its folder holds more files than init looks at.' }] : []),
    ],
    explanations: [
      ...(stack?.explanations ?? []),
      ...(health === undefined ? [] : [`health_endpoint: ${health.path} is in ${health.where}; check that it is the whole path.`]),
      ...(internalPort === 0 ? [] : ['internal_port: the app reads INTERNAL_PORT, so health is asked there.']),
      ...stores.explanations,
      ...variables.explanations,
    ],
  };
}

function nothingRecognised(files: AppFiles): Unknown {
  const inner = files.files.filter((path) =>
    /^(?:[^/]+\/){1,2}(?:package\.json|requirements\.txt|pyproject\.toml|Gemfile|go\.mod|Procfile)$/.test(path),
  );
  const where = inner.length === 0 ? '' : ` In folders below it there are ${inner.slice(0, 5).join(', ')}.`;
  const text = `What kind of app this is: no package.json, requirements.txt, pyproject.toml, Gemfile, go.mod or Procfile was found at its top.${where} Fill in start_command.`;
  return { field: 'start_command', text };
}

function portUnknowns(stack: Stack, lines: readonly SourceLine[]): Unknown[] {
  if (stack.startCommand === '' || stack.portByCommand) return [];
  const use = PORT_EXPRESSION[stack.language];
  const fixed = findHardCodedPorts(lines);
  if (fixed.length > 0) {
    return fixed.slice(0, 5).map(({ file, line, port }) => ({
      field: 'PORT',
      text: `${file} line ${line} listens on ${port}; Greenroom gives each boot its own PORT: use ${use}.`,
    }));
  }
  if (readsVariable(lines, 'PORT')) return [];
  return [
    {
      field: 'PORT',
      text: `Where the app listens: no place was found that reads PORT. Greenroom gives each boot its own PORT: use ${use}.`,
    },
  ];
}

function healthUnknown(): Unknown {
  const text =
    'Which path says that the app is ready: none such as /healthz was found, so "/" is asked, which has to answer 200 without a redirect.';
  return { field: 'health_endpoint', text };
}

/** Rails has answered at /up since 7.1, from a line of its own in config/routes.rb, which may be in any style. */
function railsHealth(stack: Stack | undefined, files: AppFiles): { path: string; where: string } | undefined {
  if (stack?.framework !== 'rails' || !files.has('config/routes.rb')) return undefined;
  return files.has('config/initializers/new_framework_defaults_7_1.rb') ? { path: '/up', where: 'Rails itself' } : undefined;
}

function ignoreUnknowns(stack: Stack, isIgnored: (path: string) => boolean): Unknown[] {
  const written = stack.outputs.filter((path) => !isIgnored(path));
  return written.map((path) => ({
    field: '.gitignore',
    text: `Whether ${path} belongs to the code: setup or start writes it into each release and git does not ignore it. Add a line "${path}" to .gitignore.`,
  }));
}

function otherStacks(stacks: readonly Stack[], chosen: Stack | undefined): Unknown[] {
  const others = stacks.filter((stack) => stack !== chosen && stack.setupCommand !== '');
  return others.map((stack) => ({
    field: 'setup_command',
    text: `Whether the app also needs its ${stack.language} packages: if so, add "&& ${stack.setupCommand}" to setup_command, and ${stack.setupInputs.join(', ')} to setup_inputs.`,
  }));
}

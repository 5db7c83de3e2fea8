import type { AppFiles } from './app-files.ts';
import { readSources } from './sources.ts';
import type { Stack } from './types.ts';
import { emptyStack } from './types.ts';

const FRAMEWORKS: readonly [module: string, name: string][] = [
  ['github.com/gin-gonic/gin', 'gin'],
  ['github.com/labstack/echo', 'echo'],
  ['github.com/gofiber/fiber', 'fiber'],
  ['github.com/go-chi/chi', 'chi'],
];
const BINARY_FOLDER = '.greenroom/';

export async function detectGo(files: AppFiles): Promise<Stack | undefined> {
  if (!files.has('go.mod')) return undefined;
  const stack = emptyStack('go');
  const modules = await files.lines('go.mod');
  stack.framework = FRAMEWORKS.find(([module]) => modules.some((line) => line.includes(module)))?.[1] ?? 'plain';
  stack.packageManager = 'go';
  if (modules.some((line) => /^\s*(?:require\s+)?[\w.-]+\.\w+\/\S+\s+v\d/.test(line))) {
    stack.setupCommand = 'go mod download';
    stack.setupInputs = ['go.mod', 'go.sum'].filter((name) => files.has(name));
  }
  const mains = await mainPackages(files);
  const main = mains.includes('.') ? '.' : mains[0];
  if (main === undefined || (main !== '.' && mains.length > 1)) {
    const which = mains.length > 1 ? `there are several main packages (${mains.join(', ')})` : 'there is no main package';
    const text = `What to build: ${which}. Fill in start_command, for example "go build -o ${BINARY_FOLDER}app ./cmd/web && exec ${BINARY_FOLDER}app".`;
    stack.unknowns.push({ field: 'start_command', text });
    return stack;
  }
  stack.startCommand = `go build -o ${BINARY_FOLDER}app ${main} && exec ${BINARY_FOLDER}app`;
  stack.builds = true;
  stack.outputs.push(BINARY_FOLDER);
  stack.explanations.push(
    'start_command builds first, because a build belongs to one commit; go keeps what it has compiled, so that the next one is quick.',
  );
  stack.certain = true;
  return stack;
}

async function mainPackages(files: AppFiles): Promise<string[]> {
  const folders = new Set<string>();
  for (const { file, text } of await readSources(files, 'go')) {
    if (/^package main\b/.test(text)) folders.add(file.includes('/') ? `./${file.slice(0, file.lastIndexOf('/'))}` : '.');
  }
  return [...folders].sort();
}

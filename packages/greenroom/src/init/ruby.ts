import type { AppFiles } from './app-files.ts';
import { readSources } from './sources.ts';
import type { Stack } from './types.ts';
import { emptyStack } from './types.ts';

const FRAMEWORKS = ['rails', 'hanami', 'sinatra', 'roda', 'grape'];
const GEMS_FOLDER = 'vendor/bundle';

export async function detectRuby(files: AppFiles): Promise<Stack | undefined> {
  const bundled = files.has('Gemfile');
  const rack = files.has('config.ru');
  const sources = bundled || rack ? [] : await readSources(files, 'ruby');
  const runnable =
    sources.find(({ file, text }) => !file.includes('/') && /WEBrick|TCPServer|require ['"]sinatra['"]/.test(text))?.file ?? '';
  if (!bundled && !rack && runnable === '') return undefined;
  const stack = emptyStack('ruby');
  const gems = [...(await files.lines('Gemfile')), ...(await files.lines('Gemfile.lock'))];
  const has = (gem: string): boolean => {
    const line = new RegExp(`^\\s*(?:gem\\s*\\(?\\s*["']${gem}["']|${gem} \\()`);
    return gems.some((text) => line.test(text));
  };
  stack.framework = FRAMEWORKS.find(has) ?? (rack ? 'rack' : 'plain');
  if (bundled) {
    stack.packageManager = 'bundler';
    stack.setupCommand = 'bundle install';
    stack.setupInputs = ['Gemfile', 'Gemfile.lock', '.ruby-version'].filter((name) => files.has(name));
    stack.env = { BUNDLE_PATH: GEMS_FOLDER };
    stack.outputs.push(`${GEMS_FOLDER}/`);
    stack.explanations.push(`env: BUNDLE_PATH keeps the gems in the release, in ${GEMS_FOLDER}, where they do not disturb other apps.`);
  }
  start(stack, files, has, bundled ? 'bundle exec ' : '', runnable);
  stack.certain = stack.startCommand !== '';
  return stack;
}

function start(stack: Stack, files: AppFiles, has: (gem: string) => boolean, bundle: string, runnable: string): void {
  const server = serverCommand(stack.framework, files.has('config.ru'), has('puma'));
  const entry = runnable || (['app.rb', 'server.rb', 'main.rb'].find((path) => files.has(path)) ?? '');
  if (server !== '') stack.startCommand = `${bundle}${server}`;
  else if (entry !== '') stack.startCommand = `${bundle}ruby ${entry}${stack.framework === 'sinatra' ? ' -o 127.0.0.1 -p $PORT' : ''}`;
  else stack.unknowns.push({ field: 'start_command', text: 'How the app starts: there is no config.ru, and no file such as app.rb.' });
  stack.portByCommand = stack.startCommand.includes('$PORT');
}

function serverCommand(framework: string, rack: boolean, puma: boolean): string {
  if (rack && puma) return 'puma -p $PORT';
  if (framework === 'rails') return 'rails server -b 127.0.0.1 -p $PORT';
  return rack ? 'rackup -o 127.0.0.1 -p $PORT' : '';
}

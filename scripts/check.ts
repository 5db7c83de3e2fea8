/**
 * `npm run check`: everything that can be said about the repository without running it. One line per check with its time; what a check has to say
 * comes after all lines, and only when it failed.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { styleText } from 'node:util';
import { scanTrackedFiles } from './lib/scan.ts';

interface Finding {
  passed: boolean;
  output: string;
}

interface Check {
  name: string;
  run: () => Promise<Finding>;
}

const root = resolve(import.meta.dirname, '..');
const generator = join(root, 'scripts', 'generate.ts');

const checks: Check[] = [
  { name: 'types', run: () => tool('tsc', '-p', '.') },
  { name: 'types of the chat element', run: () => tool('tsc', '-p', 'packages/greenroom/ui') },
  { name: 'types of its tests', run: () => tool('tsc', '-p', 'packages/greenroom/test/ui') },
  { name: 'lint, format and import directions', run: () => tool('biome', 'check', '--error-on-warnings', '--max-diagnostics=100') },
  { name: 'unused files, exports and dependencies', run: () => tool('knip', '--no-progress') },
  ...(existsSync(generator) ? [{ name: 'generated files are fresh', run: () => command(process.execPath, [generator, '--check']) }] : []),
  { name: 'no machine paths or registry hosts', run: scan },
];

const failures: string[] = [];
for (const check of checks) {
  const started = performance.now();
  const { passed, output } = await check.run();
  const time = `${((performance.now() - started) / 1000).toFixed(1)} s`;
  console.log(`${passed ? styleText('green', '✓') : styleText('red', '✖')} ${check.name}  ${time}`);
  if (!passed) failures.push(`\n${styleText('bold', check.name)}\n${output.trimEnd()}`);
}
for (const failure of failures) console.log(failure);
process.exitCode = failures.length === 0 ? 0 : 1;

function tool(name: string, ...args: string[]): Promise<Finding> {
  return command(join(root, 'node_modules', '.bin', name), args);
}

function command(program: string, args: string[]): Promise<Finding> {
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((done) => {
    child.on('error', (error) => done({ passed: false, output: `${program} could not be started: ${error.message}` }));
    child.on('close', (code) => done({ passed: code === 0, output }));
  });
}

async function scan(): Promise<Finding> {
  const problems = await scanTrackedFiles(root);
  return { passed: problems.length === 0, output: problems.join('\n') };
}

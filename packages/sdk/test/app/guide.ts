import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = resolve(import.meta.dirname, '../../../..');

/** The code block of a guide that follows its file's name. */
export async function example(guide: string, file: string): Promise<string> {
  const text = await readFile(join(ROOT, 'docs', 'guides', guide), 'utf8');
  const found = new RegExp(`\`${file.replace('.', '\\.')}\`[^\n]*:\n\n\`\`\`\\w+\n(.*?)\n\`\`\``, 's').exec(text)?.[1];
  return found ?? assert.fail(`${guide} has no ${file}`);
}

export interface Example {
  /** Exists, and is removed by the test. */
  folder: string;
  file: string;
  code: string;
  program: string;
  /** What the program is started with; the file without. */
  args?: string[];
  env: Record<string, string>;
  /** Leaves its input open, to be written to. */
  input?: boolean;
}

/** What each app wrote to its error output. */
const said = new Map<ChildProcess, string>();

/** The example as a process in a folder of its own that finds the packages of this repository. */
export async function startExample(
  t: TestContext,
  { folder, file, code, program, args = [file], env, input = false }: Example,
): Promise<ChildProcess> {
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, file), code);
  const child = spawn(program, args, {
    cwd: folder,
    stdio: [input ? 'pipe' : 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  child.stderr?.on('data', (chunk: Buffer) => said.set(child, `${said.get(child) ?? ''}${chunk}`));
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
  return child;
}

export async function listens(port: number, app: ChildProcess): Promise<void> {
  for (;;) {
    assert.equal(app.exitCode, null, `the app ended: ${said.get(app)}`);
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise((done) => socket.once('connect', () => done(true)).once('error', () => done(false)));
    socket.destroy();
    if (open) return;
    await sleep(20);
  }
}

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { createMachine } from './support.ts';

const missing = (shell: string): string | false => (spawnSync(shell, ['-c', ':']).error ? `${shell} is not installed` : false);

test('what is proposed: commands, flags, names of apps; hidden things are not', async (t) => {
  const machine = await createMachine(t);
  const propose = async (...words: string[]): Promise<string[]> =>
    (await machine.greenroom(['__complete', ...words])).stdout.split('\n').map((line) => line.split('\t')[0] ?? '');
  assert.deepEqual(await propose('ro'), ['rollback', '']);
  assert.ok((await propose('deploy', '--')).includes('--dry-run'));
  assert.deepEqual(await propose('deploy', '--app', ''), ['shop', '']);
  assert.deepEqual(await propose('apps', 'forget', 's'), ['shop', '']);
  assert.deepEqual(await propose('completion', 'f'), ['fish', '']);
  assert.deepEqual(await propose('__'), ['']);
  assert.doesNotMatch((await machine.greenroom(['--help'])).stdout, /__complete/);
});

test('bash completes', { skip: missing('bash') }, async (t) => {
  const machine = await createMachine(t);
  const complete = async (...words: string[]): Promise<string> => {
    const script = `source <(greenroom completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _greenroom; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return (await machine.run('bash', ['-c', script, 'bash', 'greenroom', ...words])).stdout;
  };
  assert.equal(await complete('ro'), 'rollback\n');
  assert.equal(await complete('deploy', '--dry'), '--dry-run\n');
  assert.equal(await complete('status', '--app', 's'), 'shop\n');
  const registered = await machine.run('bash', ['-c', 'source <(greenroom completion bash); complete -p greenroom']);
  assert.match(registered.stdout, /-F _greenroom greenroom/);
});

test('zsh completes', { skip: missing('zsh') }, async (t) => {
  const machine = await createMachine(t);
  // Stand-ins for the two functions of the completion system that print: everything before them really runs.
  const script = `
    compdef() { : }; _files() { echo files }
    _describe() { print -l -- "\${(@P)2}" }
    source <(greenroom completion zsh)
    words=(greenroom "$@"); CURRENT=$#words; _greenroom`;
  const complete = async (...words: string[]): Promise<string> => (await machine.run('zsh', ['-fc', script, 'zsh', ...words])).stdout;
  assert.equal(await complete('ro'), 'rollback:Go back to the release before the live one\n');
  assert.match(await complete('status', '--app', ''), /^shop:/);
  assert.equal(await complete('init', '--contract', ''), 'files\n');
});

test('fish completes', { skip: missing('fish') }, async (t) => {
  const machine = await createMachine(t);
  const complete = async (line: string): Promise<string> => {
    const script = `greenroom completion fish | source; complete -C ${JSON.stringify(line)}`;
    return (await machine.run('fish', ['--no-config', '-c', script])).stdout;
  };
  assert.equal(await complete('greenroom ro'), 'rollback\tGo back to the release before the live one\n');
  assert.match(await complete('greenroom deploy --dry'), /^--dry-run\t/);
  assert.match(await complete('greenroom status --app s'), /^shop\t/);
});

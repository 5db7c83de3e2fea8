import { join } from 'node:path';
import type { Call, Offer } from './conversation.ts';
import type { Step } from './script.ts';

type Action = Exclude<Step, { do: 'say' }>;

const READ = ['read', 'read_file', 'Read'];
const WRITE = ['write', 'write_file', 'Write'];
const EDIT = ['edit', 'replace', 'Edit'];
const SHELL = ['bash', 'run_shell_command', 'exec_command', 'Bash'];
const PATH = ['filePath', 'file_path', 'path'];
const OLD = ['oldString', 'old_string'];
const NEW = ['newString', 'new_string'];
const COMMAND = ['command', 'cmd'];

/** The call of an offered tool that does the step; null when nothing offered can. Agents without a tool for files have a shell. */
export function callFor(step: Action, offers: readonly Offer[], workspace: string): Call | null {
  switch (step.do) {
    case 'read':
      return use(find(offers, READ), { [PATH.join()]: join(workspace, step.path) }) ?? shell(offers, `cat ${step.path}`);
    case 'write':
      return (
        use(find(offers, WRITE), { [PATH.join()]: join(workspace, step.path), content: step.content }) ??
        shell(offers, patch([`*** Add File: ${step.path}`, ...lines('+', step.content)]))
      );
    case 'edit':
      return (
        edit(find(offers, EDIT), step, workspace) ??
        shell(offers, patch([`*** Update File: ${step.path}`, '@@', ...lines('-', step.from), ...lines('+', step.to)]))
      );
    case 'run':
      return shell(offers, step.command);
    case 'greenroom': {
      const named = offers.find(({ namespace = '', name }) => `${namespace}_${name}`.match(/greenroom_+(\w+)$/)?.[1] === step.verb);
      return use(named, step.input) ?? shell(offers, ['greenroom', step.verb, ...step.args].map(quoted).join(' '));
    }
    default: {
      const exhaustive: never = step;
      return exhaustive;
    }
  }
}

function edit(tool: Offer | undefined, step: Extract<Step, { do: 'edit' }>, workspace: string): Call | null {
  const path = { [PATH.join()]: join(workspace, step.path) };
  if (tool?.properties.includes('edits')) return use(tool, { ...path, edits: [{ oldText: step.from, newText: step.to }] });
  return use(tool, { ...path, [OLD.join()]: step.from, [NEW.join()]: step.to });
}

function shell(offers: readonly Offer[], command: string): Call | null {
  const tool = find(offers, SHELL);
  // One that hands back a command that takes long, and wants to be asked again, is told to wait.
  const patience = tool?.properties.includes('yield_time_ms') ? { yield_time_ms: 30_000 } : {};
  return use(tool, { [COMMAND.join()]: command, ...patience });
}

function find(offers: readonly Offer[], names: readonly string[]): Offer | undefined {
  return offers.find((each) => each.namespace === undefined && names.includes(each.name));
}

/** Fills in the tool's own names: a key is a list of names of which it has one. What else it requires gets a few words. */
function use(tool: Offer | undefined, input: Record<string, unknown>): Call | null {
  if (tool === undefined) return null;
  const named = Object.entries(input).map(([names, value]) => [names.split(',').find((name) => tool.properties.includes(name)), value]);
  const known = named.filter(([name]) => name !== undefined);
  const missing = tool.required.filter((name) => !known.some(([given]) => given === name)).map((name) => [name, 'As the script says.']);
  return {
    name: tool.name,
    ...(tool.namespace === undefined ? {} : { namespace: tool.namespace }),
    input: Object.fromEntries([...missing, ...known]),
  };
}

/** Codex edits files by a program of this name, which it puts on the shell's PATH. */
function patch(body: string[]): string {
  return `apply_patch <<'PATCH'\n*** Begin Patch\n${body.join('\n')}\n*** End Patch\nPATCH`;
}

function lines(sign: string, text: string): string[] {
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => `${sign}${line}`);
}

function quoted(word: string): string {
  return /^[\w./:-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

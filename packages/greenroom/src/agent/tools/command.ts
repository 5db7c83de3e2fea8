import { parseArgs } from 'node:util';
import { z } from 'zod';
import { json, plain } from '../../plain.ts';
import type { Call } from './answer.ts';
import { COMMAND_WAIT_MS, createContext, fromVariables } from './context.ts';
import type { Verb } from './verb.ts';
import { VERBS } from './verbs.ts';

type Exit = 0 | 1 | 2 | 3;

export interface Streams {
  say(line: string): void;
  warn(line: string): void;
}

/** The agent's `greenroom`: runs one verb and answers the exit code. */
export async function runCommand(argv: readonly string[], env: NodeJS.ProcessEnv, { say, warn }: Streams): Promise<Exit> {
  const [name = '--help', ...rest] = argv;
  if (name === '--help' || name === '-h' || name === 'help') {
    say(help());
    return 0;
  }
  const verb = VERBS.find((it) => it.command === name || it.name === name);
  if (!verb) return usage(`There is no command "${plain(name)}". See: greenroom --help`);
  const parsed = parse(verb, rest);
  if (!parsed.ok) return usage(`${parsed.problem} See: greenroom ${verb.command} --help`);
  if (parsed.help) {
    say(verbHelp(verb));
    return 0;
  }
  const found = fromVariables(env);
  if (!found.ok) return usage(`This command works within a turn of the agent only; ${found.missing.join(', ')} must say where.`);
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  const progress: Call['progress'] = (_done, _total, message) => warn(message);
  const answer = await verb.run(createContext(found.place, COMMAND_WAIT_MS), parsed.input, { signal: interrupt.signal, progress });
  say(parsed.asJson ? json(answer.data, 2) : answer.text);
  return answer.exit;

  function usage(problem: string): Exit {
    warn(problem);
    return 2;
  }
}

type Parsed = { ok: true; help: boolean; asJson: boolean; input: Record<string, unknown> } | { ok: false; problem: string };

function parse(verb: Verb, args: readonly string[]): Parsed {
  const fields = fieldsOf(verb);
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        json: { type: 'boolean' },
        ...Object.fromEntries(fields.map(({ flag, type }) => [flag, { type: type === 'boolean' ? 'boolean' : 'string' } as const])),
      },
    });
    const { help = false, json: asJson = false } = values as { help?: boolean; json?: boolean };
    if (help) return { ok: true, help, asJson, input: {} };
    const given: Record<string, unknown> = {};
    for (const { field, flag, type } of fields) {
      const value = (values as Record<string, unknown>)[flag];
      if (value !== undefined) given[field] = type === 'integer' ? Number(value) : value;
    }
    const [first, ...more] = positionals;
    if (first !== undefined) {
      if (verb.positional === undefined || more.length > 0)
        return { ok: false, problem: `"${plain(more[0] ?? first)}" is one word too many.` };
      given[verb.positional] = first;
    }
    const judged = verb.input.safeParse(given);
    if (judged.success) return { ok: true, help, asJson, input: judged.data };
    const problems = judged.error.issues.map((it) => `--${kebab(String(it.path[0] ?? ''))}: ${it.message}.`);
    return { ok: false, problem: problems.join(' ') };
  } catch (error) {
    if (error instanceof TypeError && 'code' in error) return { ok: false, problem: plain(error.message) };
    throw error;
  }
}

interface Field {
  field: string;
  flag: string;
  type: string;
  description: string;
  required: boolean;
}

function fieldsOf({ input }: Verb): Field[] {
  const { properties = {}, required = [] } = z.toJSONSchema(input, { io: 'input' });
  return Object.entries(properties).map(([field, schema]) => {
    const { type = 'string', description = '' } = schema as { type?: string; description?: string };
    return { field, flag: kebab(field), type, description, required: required.includes(field) };
  });
}

function help(): string {
  const width = Math.max(...VERBS.map(({ command }) => command.length));
  return [
    'Deploys and undoes your own work on this app, and shows how it is. Commit first: only what is committed is deployed.',
    '',
    ...VERBS.map((verb) => `  greenroom ${verb.command.padEnd(width)}  ${verb.title}`),
    '',
    'Each has --help, and --json for scripts. Exit codes: 0 done, or accepted and waiting; 1 refused or failed (the live version is untouched);',
    '2 wrong usage; 3 orchestrator not reachable.',
    '',
    'EXAMPLES',
    '  greenroom deploy --reason "larger title"',
    '  greenroom log',
    '  greenroom rollback --reason "the form lost its button"',
  ].join('\n');
}

function verbHelp(verb: Verb): string {
  const fields = fieldsOf(verb);
  const shape = ({ flag, type, required }: Field): string => {
    const value = type === 'boolean' ? `--${flag}` : `--${flag} ${type === 'integer' ? 'N' : 'TEXT'}`;
    return required ? value : `[${value}]`;
  };
  const positional = verb.positional === undefined ? [] : [`[${verb.positional.toUpperCase()}]`];
  const flags = fields.filter(({ field }) => field !== verb.positional);
  return [
    `greenroom ${[verb.command, ...positional, ...flags.map(shape), '[--json]'].join(' ')}`,
    '',
    verb.description,
    ...(fields.length > 0 ? ['', ...fields.map(({ flag, description }) => `  ${flag}: ${description}`)] : []),
  ].join('\n');
}

const kebab = (name: string): string => name.replaceAll('_', '-');

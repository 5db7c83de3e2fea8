import { GreenroomAnswerError, GreenroomUnreachable } from '@greenroom/sdk/client';
import type { CommandContext, StricliProcess } from '@stricli/core';
import { journaldLine, writesToJournald } from '../journald.ts';
import { RegistryError } from '../registry/index.ts';
import { json, type Paint, paintFor, plainLines } from './terminal.ts';

/** Exit codes of every command. */
export const EXIT = {
  ok: 0,
  /** Refused or failed; the live release is untouched. */
  failed: 1,
  usage: 2,
  unreachable: 3,
  appNotFound: 4,
  /** Interrupted at the keyboard, as shells report it. */
  interrupted: 130,
} as const;
export type Exit = (typeof EXIT)[keyof typeof EXIT];

/** What a command sees of the world. */
export interface Cli extends CommandContext {
  readonly process: StricliProcess;
  readonly cwd: string;
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly paint: Paint;
  readonly paintError: Paint;
  /** A line on standard output. */
  say(line?: string): void;
  /** A line on standard error. */
  warn(line?: string): void;
}

export function createCli(env: NodeJS.ProcessEnv, cwd: string, home: string): Cli {
  const { stdout, stderr } = process;
  const inJournald = writesToJournald(2, env);
  const colours = (stream: NodeJS.WriteStream): Pick<NodeJS.WriteStream, 'getColorDepth'> | object =>
    stream.isTTY ? { getColorDepth: () => stream.getColorDepth(env) } : {};
  return {
    process: {
      stdout: { write: (text) => void stdout.write(text), ...colours(stdout) },
      stderr: { write: (text) => void stderr.write(text), ...colours(stderr) },
      env,
    },
    cwd,
    home,
    env,
    stdout,
    stderr,
    paint: paintFor(stdout),
    paintError: paintFor(stderr),
    say: (line = '') => void stdout.write(`${line}\n`),
    warn: (line = '') => void stderr.write(inJournald ? journaldLine(line, 'warn') : `${line}\n`),
  };
}

/** Ends a command with a message and an exit code. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exit: Exit;
  readonly code: string;

  constructor(exit: Exit, code: string, message: string) {
    super(message);
    this.exit = exit;
    this.code = code;
  }
}

/** The trace that the command is part of, as build systems hand it down: the variable `TRACEPARENT`. */
export function traceOf({ env }: Pick<Cli, 'env'>): { traceparent?: string } {
  const { TRACEPARENT: traceparent } = env;
  return traceparent ? { traceparent } : {};
}

/** Wraps the body of a command: its answer is the exit code, expected errors become a message (one JSON document with `--json`). */
export function action<FLAGS extends { json?: boolean }, ARGS extends readonly unknown[]>(
  body: (cli: Cli, flags: FLAGS, ...args: ARGS) => Promise<Exit>,
): (this: Cli, flags: FLAGS, ...args: ARGS) => Promise<void> {
  return async function run(this: Cli, flags: FLAGS, ...args: ARGS): Promise<void> {
    try {
      this.process.exitCode = await body(this, flags, ...args);
    } catch (error) {
      const expected = expectedError(error);
      if (!expected) throw error;
      if (flags.json) this.say(json({ success: false, code: expected.code, error: expected.message }));
      const [first = '', ...rest] = plainLines(expected.message);
      this.warn(`${this.paintError('red', '✗')} ${first}`);
      for (const line of rest) this.warn(`  ${line}`);
      this.process.exitCode = expected.exit;
    }
  };
}

function expectedError(error: unknown): CliError | undefined {
  if (error instanceof CliError) return error;
  if (error instanceof RegistryError) return new CliError(EXIT.failed, 'registry_refused', error.message);
  if (error instanceof GreenroomUnreachable) return new CliError(EXIT.unreachable, 'unreachable', error.message);
  if (error instanceof GreenroomAnswerError) return new CliError(EXIT.unreachable, 'unexpected_answer', error.message);
  // The system's own refusals (no permission, no space, a file where a folder should be) name the path; they are no bugs.
  if (error instanceof Error && 'syscall' in error) return new CliError(EXIT.failed, 'system_error', error.message);
  // SQLite's, such as on a full disk.
  if (error instanceof Error && 'errcode' in error)
    return new CliError(
      EXIT.failed,
      'system_error',
      `A database of the data directory cannot be used (${error.message}): try again when that is put right.`,
    );
  return undefined;
}

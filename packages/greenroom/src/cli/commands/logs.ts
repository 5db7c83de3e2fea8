import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GreenroomClient, GreenroomUnreachable } from '@greenroom/sdk/client';
import { SLOT_NAMES, type SlotName } from '@greenroom/sdk/wire';
import { buildCommand } from '@stricli/core';
import { createLogReader, readTail } from '../../orchestrator/adapters/instances/log-reader.ts';
import type { Layout } from '../../orchestrator/layout.ts';
import { exists } from '../../registry/index.ts';
import { action, type Cli, CliError, EXIT, type Exit } from '../context.ts';
import { type AppFlags, appFlags, description, text, wholeNumber } from '../flags.ts';
import { connect, findTarget, type Target } from '../target.ts';
import { json, plain } from '../terminal.ts';

const DEFAULT_LINES = 40;
const READ_INTERVAL_MS = 150;
/** How often the live instance is asked for while following. */
const LOOK_INTERVAL_MS = 1_000;

interface LogsFlags extends AppFlags {
  readonly slot?: SlotName;
  readonly instance?: string;
  readonly follow: boolean;
  readonly lines?: number;
}

export const logs = buildCommand<LogsFlags, [], Cli>({
  func: action(async (cli: Cli, flags: LogsFlags) => {
    if (flags.slot !== undefined && flags.instance !== undefined)
      throw new CliError(EXIT.usage, 'usage', 'Give --slot or --instance, not both.');
    const target = await findTarget(cli, flags);
    const client = await clientIfRunning(target);
    const instance = flags.instance ?? (client && (await instanceNow(client, flags.slot))) ?? (await latestInstance(target.layout, flags));
    const tail = await readTail(logOf(target.layout, instance), flags.lines ?? DEFAULT_LINES);
    if (!tail) throw new CliError(EXIT.failed, 'not_found', `Instance "${instance}" has no log. ${await whatThereIs(target.layout)}`);
    const print = printer(cli, flags.json);
    for (const line of tail.lines) print(instance, line);
    if (!flags.follow) return EXIT.ok;
    const successor = async (): Promise<string | undefined> =>
      client && flags.instance === undefined ? await instanceNow(client, flags.slot) : undefined;
    return await follow(cli, target.layout, { instance, from: tail.size, print, successor });
  }),
  parameters: {
    flags: {
      slot: {
        kind: 'enum',
        values: SLOT_NAMES,
        optional: true,
        brief: 'The instance of this slot, instead of the live one',
        placeholder: 'SLOT',
      },
      instance: { kind: 'parsed', parse: text, optional: true, brief: 'This instance, also one that has ended', placeholder: 'ID' },
      follow: { kind: 'boolean', default: false, withNegated: false, brief: 'Go on with what is written next, across swaps, until Ctrl-C' },
      lines: {
        kind: 'parsed',
        parse: wholeNumber(0),
        optional: true,
        brief: `How many lines (default: ${DEFAULT_LINES})`,
        placeholder: 'N',
      },
      ...appFlags,
    },
    aliases: { f: 'follow', n: 'lines' },
  },
  docs: {
    brief: "Show the app's own output",
    fullDescription: description('What the live instance wrote to standard output and error; the last one when nothing is live.', [
      ['greenroom logs', 'the last lines'],
      ['greenroom logs -f', 'follow, also across a deploy'],
      ['greenroom logs --slot b -n 200', 'the instance in slot b'],
    ]),
  },
});

interface Following {
  instance: string;
  /** Bytes of its log that were printed already. */
  from: number;
  print: (instance: string, line: string) => void;
  /** The instance to read now; undefined when that is not known, or stays the same. */
  successor: () => Promise<string | undefined>;
}

async function follow(cli: Cli, layout: Layout, { from, print, successor, ...first }: Following): Promise<Exit> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once('SIGINT', stop);
  let { instance } = first;
  let reader = createLogReader(logOf(layout, instance), from);
  let lookAt = Date.now() + LOOK_INTERVAL_MS;
  while (!abort.signal.aborted) {
    for (const line of await reader.read()) print(instance, line);
    if (Date.now() >= lookAt) {
      lookAt = Date.now() + LOOK_INTERVAL_MS;
      const next = await successor();
      if (next !== undefined && next !== instance) {
        for (const line of [...(await reader.read()), ...reader.rest()]) print(instance, line);
        instance = next;
        cli.warn(cli.paintError('dim', `── from here on: instance ${plain(instance)}`));
        reader = createLogReader(logOf(layout, instance), 0);
        continue;
      }
    }
    await sleep(READ_INTERVAL_MS, undefined, { signal: abort.signal }).catch(() => undefined);
  }
  process.removeListener('SIGINT', stop);
  return EXIT.ok;
}

function printer(cli: Cli, asJson: boolean): (instance: string, line: string) => void {
  return asJson ? (instance, line) => cli.say(json({ instance, line })) : (_instance, line) => cli.say(plain(line));
}

async function clientIfRunning(target: Target): Promise<GreenroomClient | undefined> {
  try {
    return await connect(target);
  } catch (error) {
    // The output of an app can be read when nobody runs it.
    if (error instanceof CliError && error.exit === EXIT.unreachable) return undefined;
    throw error;
  }
}

async function instanceNow(client: GreenroomClient, slot: SlotName | undefined): Promise<string | undefined> {
  try {
    const status = await client.status();
    return status.slots.find((view) => view.slot === (slot ?? status.live_slot))?.instance || undefined;
  } catch (error) {
    if (error instanceof GreenroomUnreachable) return undefined;
    throw error;
  }
}

async function latestInstance(layout: Layout, flags: LogsFlags): Promise<string> {
  if (flags.slot !== undefined) {
    throw new CliError(EXIT.failed, 'not_found', `Slot ${flags.slot} runs no instance. ${await whatThereIs(layout)}`);
  }
  const [latest] = await instancesByAge(layout);
  if (latest === undefined)
    throw new CliError(EXIT.failed, 'not_found', `No instance has written anything yet: ${layout.logs} has no logs.`);
  return latest;
}

async function whatThereIs(layout: Layout): Promise<string> {
  const instances = await instancesByAge(layout);
  return instances.length === 0 ? 'There are no logs yet.' : `Newest logs, for --instance: ${instances.slice(0, 5).join(', ')}.`;
}

/** Ids of the instances that have a log, the last written one first. */
async function instancesByAge(layout: Layout): Promise<string[]> {
  const names = (await exists(layout.logs)) ? (await readdir(layout.logs)).filter((name) => name.endsWith('.log')) : [];
  const aged = await Promise.all(names.map(async (name) => ({ name, time: (await stat(join(layout.logs, name))).mtimeMs })));
  return aged.sort((one, other) => other.time - one.time).map(({ name }) => basename(name, '.log'));
}

function logOf(layout: Layout, instance: string): string {
  // An id is a plain name: nothing outside the folder can be meant by it.
  return join(layout.logs, `${basename(instance)}.log`);
}

import type { ContentBlock, ToolCallContent, ToolCallUpdate } from '@agentclientprotocol/sdk';
import type { ChatEventBody, ToolContent } from '@greenroom/sdk/chat';
import { type CommandOutput, createCommandOutput } from './command-output.ts';
import { diffContent } from './diff.ts';
import { oneLine, shorten, showPath } from './text.ts';

export type ToolEvent = Extract<ChatEventBody, { kind: 'tool' }>;

export interface ToolMapper {
  /** What an update says that was not said before; null when that is nothing. */
  map(update: ToolCallUpdate): ToolEvent | null;
  /** Calls that were begun and have not ended. */
  open(): string[];
}

const TITLE_CHARACTERS = 200;
const INPUT_BYTES = 2 * 1024;
const MAX_CONTENTS = 50;
const MAX_LOCATIONS = 50;

interface Known {
  /** What was said last, as JSON, by field. */
  said: Map<string, string>;
  printed: CommandOutput;
  hasContent: boolean;
  done: boolean;
}

/** Tool calls of one turn: agents send them in pieces, whole, or the same again. */
export function createToolMapper(workspace: string): ToolMapper {
  const calls = new Map<string, Known>();
  return {
    map(update) {
      const call = oneLine(update.toolCallId, TITLE_CHARACTERS);
      const first = !calls.has(call);
      const known = calls.get(call) ?? { said: new Map(), printed: createCommandOutput(), hasContent: false, done: false };
      calls.set(call, known);
      known.done = update.status == null ? known.done : update.status === 'completed' || update.status === 'failed';
      const event: ToolEvent = { kind: 'tool', call };
      /** Compared before it is made into something to show: that may cost a diff. */
      const isNew = (field: string, value: unknown): boolean => {
        if (value == null) return false;
        const text = JSON.stringify(value);
        if (known.said.get(field) === text) return false;
        known.said.set(field, text);
        return true;
      };
      if (isNew('title', update.title)) event.title = title(update.title ?? '', workspace);
      else if (first) event.title = title(update.name ?? update.kind ?? 'tool', workspace);
      if (isNew('kind', update.kind) && update.kind) event.tool = update.kind;
      if (isNew('status', update.status) && update.status) event.status = update.status;
      else if (first) event.status = 'pending';
      if (isNew('input', update.rawInput)) {
        const input = inputText(update.rawInput);
        if (input) event.input = shorten(input, INPUT_BYTES).text;
      }
      if (isNew('locations', update.locations)) event.locations = locations(update.locations ?? [], workspace);
      if (isNew('content', update.content)) {
        event.content = contents(update.content ?? [], workspace);
        known.hasContent ||= event.content.length > 0;
      }
      known.printed.add(update._meta);
      const printed = known.printed.show(known.done);
      if (printed) {
        event.content = [...(event.content ?? []), printed];
        known.hasContent = true;
      }
      if (!known.hasContent && isNew('output', update.rawOutput)) {
        const output = outputText(update.rawOutput);
        if (output) event.content = [{ type: 'text', ...shorten(output) }];
      }
      // Only what is compared is kept, and not the large of a call that is over.
      if (known.done) {
        for (const field of ['content', 'output', 'input']) known.said.delete(field);
        known.printed = createCommandOutput();
      }
      return Object.keys(event).length > 2 ? event : null;
    },
    open: () => [...calls].filter(([, { done }]) => !done).map(([call]) => call),
  };
}

function title(text: string, workspace: string): string {
  return oneLine(text.replaceAll(`${workspace}/`, ''), TITLE_CHARACTERS);
}

function locations(list: readonly { path: string; line?: number | null }[], workspace: string): { path: string; line?: number }[] {
  return list.slice(0, MAX_LOCATIONS).map(({ path, line }) => ({ path: showPath(path, workspace), ...(line == null ? {} : { line }) }));
}

function contents(list: readonly ToolCallContent[], workspace: string): ToolContent[] {
  return list.slice(0, MAX_CONTENTS).flatMap((content): ToolContent[] => {
    if (content.type === 'diff') return [diffContent(showPath(content.path, workspace), content.oldText ?? null, content.newText)];
    if (content.type !== 'content') return [];
    const text = blockText(content.content);
    return text === '' ? [] : [{ type: 'text', ...shorten(text) }];
  });
}

/** Text of a content block; what is no text is named. */
export function blockText(block: ContentBlock): string {
  if (block.type === 'text') return block.text;
  if (block.type === 'resource_link') return block.uri;
  if (block.type === 'resource') return textOf(block.resource, 'text');
  return `[${block.type}]`;
}

/** A command line as it would be typed, else the arguments as JSON. */
function inputText(input: unknown): string {
  const command = member(input, 'command') ?? member(input, 'cmd');
  if (typeof command === 'string') return command;
  if (Array.isArray(command) && command.every((word) => typeof word === 'string')) return command.join(' ');
  if (typeof input === 'string') return input;
  const isEmpty = typeof input === 'object' && input !== null && Object.keys(input).length === 0;
  return isEmpty ? '' : JSON.stringify(input, null, 1);
}

function outputText(output: unknown): string {
  if (typeof output === 'string') return output;
  const result = member(member(output, 'result'), 'content');
  if (Array.isArray(result)) return result.map((block) => textOf(block, 'text')).join('\n');
  for (const name of ['output', 'formatted_output', 'aggregated_output', 'stdout', 'text', 'error']) {
    const text = textOf(output, name);
    if (text !== '') return text;
  }
  return output === null ? '' : JSON.stringify(output, null, 1);
}

function textOf(value: unknown, name: string): string {
  const text = member(value, name);
  return typeof text === 'string' ? text : '';
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

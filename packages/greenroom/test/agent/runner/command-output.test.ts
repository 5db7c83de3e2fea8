import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createToolMapper, type ToolEvent } from '../../../src/agent/runner/tool.ts';

const WORKSPACE = '/w';
const texts = (event: ToolEvent | null): string[] => (event?.content ?? []).flatMap((each) => (each.type === 'text' ? [each.text] : []));

test('what codex-acp tells of a command is shown as its output', () => {
  const tools = createToolMapper(WORKSPACE);
  tools.map({ toolCallId: 'c', title: 'git status', status: 'in_progress', content: [{ type: 'terminal', terminalId: 'c' }] });
  const _meta = { terminal_output_delta: { data: 'clean\u001b[0m\n', terminal_id: 'c' }, terminal_exit: { exit_code: 0 } };
  const event = tools.map({ toolCallId: 'c', status: 'completed', rawOutput: { exit_code: 0 }, _meta });
  assert.deepEqual(texts(event), ['clean\n']);
});

test('what pi-acp tells piece by piece is shown together, each time it has doubled and at the end', () => {
  const tools = createToolMapper(WORKSPACE);
  const say = (data: string, status: 'in_progress' | 'completed' = 'in_progress'): string[] =>
    texts(tools.map({ toolCallId: 'c', status, _meta: { terminal_output: { terminal_id: 'c', data } } }));
  assert.deepEqual(say('one\n'), ['one\n']);
  assert.deepEqual(say('2\n'), []);
  assert.deepEqual(say('3\n'), ['one\n2\n3\n']);
  assert.deepEqual(say('4\n', 'completed'), ['one\n2\n3\n4\n']);
});

test('50 MB in pieces become a short text that says how much it leaves out', () => {
  const tools = createToolMapper(WORKSPACE);
  const piece = `${'x'.repeat(1023)}\n`;
  const PIECES = 50 * 1024;
  let shown = 0;
  let last: ToolEvent | null = null;
  for (let at = 1; at <= PIECES; at++) {
    const status = at === PIECES ? 'completed' : 'in_progress';
    const event = tools.map({ toolCallId: 'c', status, _meta: { terminal_output: { data: piece } } });
    shown += texts(event).length;
    last = event;
  }
  const [content] = last?.content ?? [];
  assert.ok(content?.type === 'text' && content.text.length < 64 * 1024 && (content.omitted ?? 0) > 49 * 1024 * 1024);
  assert.ok(shown < 30, `${shown} versions of it were written`);
});

test('the answer of an MCP tool is shown as its text', () => {
  const tools = createToolMapper(WORKSPACE);
  const rawOutput = { result: { content: [{ type: 'text', text: 'Live: commit abc.' }], structuredContent: null }, error: null };
  assert.deepEqual(texts(tools.map({ toolCallId: 'c', status: 'completed', rawOutput })), ['Live: commit abc.']);
});

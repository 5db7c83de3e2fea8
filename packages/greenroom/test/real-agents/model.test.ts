import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chatCompletions } from './model/chat-completions.ts';
import { generateContent } from './model/generate-content.ts';
import { messages } from './model/messages.ts';
import { responses } from './model/responses.ts';
import { openSchema } from './model/schema.ts';
import { marker, positionIn, type Scripts } from './model/script.ts';
import { openModel } from './model/server.ts';

const tool = { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] };
const said = `Go. ${marker('two')}`;
/** The same in every API: a message, one call, its result. */
const REQUESTS = [
  {
    api: chatCompletions,
    path: '/v1/chat/completions',
    body: {
      model: 'm',
      stream: true,
      messages: [
        { role: 'user', content: said },
        { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'bash', arguments: '{}' } }] },
        { role: 'tool', tool_call_id: 'c', content: 'one' },
      ],
      tools: [{ type: 'function', function: { name: 'bash', parameters: tool } }],
    },
    wrong: { messages: [{ role: 'tool', content: 'one' }] },
  },
  {
    api: responses,
    path: '/v1/responses',
    body: {
      model: 'm',
      stream: true,
      input: [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: said }] },
        { type: 'function_call', call_id: 'c', name: 'bash', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: 'one' },
      ],
      tools: [{ type: 'function', name: 'bash', parameters: tool, strict: false }],
    },
    wrong: { input: [{ type: 'message', role: 'nobody', content: 'one' }] },
  },
  {
    api: messages,
    path: '/v1/messages',
    body: {
      model: 'm',
      max_tokens: 10,
      stream: true,
      messages: [
        { role: 'user', content: said },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'Bash', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: 'one' }] },
      ],
      tools: [{ name: 'Bash', input_schema: tool }],
    },
    wrong: { messages: [{ role: 'user', content: [{ type: 'tool_result', content: 'one' }] }] },
  },
  {
    api: generateContent,
    path: '/v1beta/models/m:streamGenerateContent',
    body: {
      contents: [
        { role: 'user', parts: [{ text: said }] },
        { role: 'model', parts: [{ functionCall: { name: 'run_shell_command', args: {} } }] },
        { role: 'user', parts: [{ functionResponse: { name: 'run_shell_command', response: { output: 'one' } } }] },
      ],
      tools: [{ functionDeclarations: [{ name: 'run_shell_command', parametersJsonSchema: tool }] }],
    },
    wrong: { contents: [{ role: 'user', parts: [{ functionResponse: { name: 7 } }] }] },
  },
];

const scripts: Scripts = {
  two: [
    { do: 'run', command: 'echo one', expect: /one/ },
    { do: 'run', command: 'echo two' },
  ],
};

for (const { api, path, body, wrong } of REQUESTS) {
  test(`the stand-in goes on in the script over ${api.type}, by what the request says alone`, async (t) => {
    const model = await openModel({ scripts, workspace: () => '/w' });
    t.after(() => model.close());
    const ask = async (content: object): Promise<string> =>
      (await fetch(`${model.url}${path}`, { method: 'POST', body: JSON.stringify(content) })).text();
    assert.match(await ask(body), /echo two/);
    assert.match(await ask(body), /echo two/, 'the second time it is the same');
    assert.deepEqual(model.problems, []);
    await ask({ ...body, ...wrong });
    assert.match(model.problems.join('\n'), new RegExp(`${api.type}Request/`), 'a request against the schema is a problem, with its place');
  });

  test(`what it says over ${api.type} is as the vendor says`, () => {
    const check = openSchema(api.schema, api.type);
    const call = { name: 'bash', input: { command: 'true' } };
    for (const reply of [
      { id: '1', text: 'Two words.' },
      { id: '1', text: '', call },
      { id: '1', text: 'Now.', call },
    ]) {
      assert.deepEqual(
        api.events(reply, 'm').flatMap(({ data }) => check('Event', data)),
        [],
      );
    }
  });
}

test('the last marker of the user counts, and the end of its script is known', () => {
  const say = (text: string): Scripts => ({ a: [{ do: 'say', text }], b: [{ do: 'say', text }] });
  const user = (text: string): { role: 'user'; text: string } => ({ role: 'user', text });
  const at = (...items: { role: 'user' | 'result'; text: string }[]): string => {
    const position = positionIn({ items, offers: [] }, { ...say('A'), b: [{ do: 'say', text: 'B' }] });
    return position?.step.do === 'say' ? position.step.text : '';
  };
  assert.equal(at(user(marker('a'))), 'A');
  assert.equal(at(user(marker('a')), { role: 'result', text: marker('a') }, user(marker('b'))), 'B');
  assert.equal(at(user(marker('a')), { role: 'result', text: '' }), '');
  assert.equal(at(user('nothing of the kind')), '');
});

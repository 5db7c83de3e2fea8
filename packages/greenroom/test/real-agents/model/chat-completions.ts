import { type Item, type ModelApi, offer, type Parameters, pieces, textOf } from './conversation.ts';

interface Body {
  messages: { role: string; content?: unknown; tool_calls?: { function?: { name: string } }[] }[];
  tools?: { type: string; function?: { name: string; parameters?: Parameters } }[];
}

/** OpenAI's Chat Completions, which most others' servers speak too. */
export const chatCompletions: ModelApi = {
  schema: 'chat-completions',
  type: 'ChatCompletions',
  answers: (path) => path.endsWith('/chat/completions'),

  read(body) {
    const { messages, tools = [] } = body as Body;
    return {
      items: messages.flatMap(itemsOf),
      offers: tools.flatMap(({ function: tool }) => (tool ? [offer(tool.name, tool.parameters)] : [])),
    };
  },

  events({ id, text, call }, model) {
    const chunk = (delta: object, finish: string | null = null): object => ({
      id: `chatcmpl-${id}`,
      object: 'chat.completion.chunk',
      created: 1_750_000_000,
      model,
      choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }],
    });
    const part = (rest: object, input: string): object =>
      chunk({ tool_calls: [{ index: 0, ...rest, function: { ...nameOf(rest, call?.name), arguments: input } }] });
    const json = JSON.stringify(call?.input ?? {});
    const half = Math.ceil(json.length / 2);
    const chunks = [
      chunk({ role: 'assistant', content: '' }),
      ...pieces(text).map((content) => chunk({ content })),
      ...(call ? [part({ id: `call_${id}`, type: 'function' }, json.slice(0, half)), part({}, json.slice(half))] : []),
      chunk({}, call ? 'tool_calls' : 'stop'),
      { ...chunk({}), choices: [], usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 } },
    ];
    return chunks.map((data) => ({ data }));
  },

  last: '[DONE]',
};

function itemsOf({ role, content, tool_calls: calls = [] }: Body['messages'][number]): Item[] {
  const text = textOf(content);
  if (role === 'tool') return [{ role: 'result', text }];
  if (role === 'user') return [{ role: 'user', text }];
  if (role !== 'assistant') return [];
  return [{ role: 'assistant', text }, ...calls.map((call): Item => ({ role: 'call', text: call.function?.name ?? '' }))];
}

/** Only the first part of a call has its name. */
function nameOf(part: object, name: string | undefined): object {
  return 'id' in part ? { name } : {};
}

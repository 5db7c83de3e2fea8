import { type Item, type ModelApi, type Offer, offer, type Parameters, pieces, textOf } from './conversation.ts';

interface Body {
  input: string | { type?: string; role?: string; content?: unknown; name?: string; output?: unknown }[];
  tools?: Tool[];
}

interface Tool {
  type: string;
  name?: string;
  parameters?: Parameters;
  tools?: Tool[];
}

/** OpenAI's Responses. */
export const responses: ModelApi = {
  schema: 'responses',
  type: 'Responses',
  answers: (path) => path.endsWith('/responses'),

  read(body) {
    const { input, tools = [] } = body as Body;
    const list = typeof input === 'string' ? [{ role: 'user', content: input }] : input;
    return { items: list.flatMap(itemsOf), offers: tools.flatMap(offersOf) };
  },

  events({ id, text, call }, model) {
    const message = {
      id: `msg_${id}`,
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
    };
    const invocation = call && {
      id: `fc_${id}`,
      type: 'function_call',
      call_id: `call_${id}`,
      name: call.name,
      ...(call.namespace === undefined ? {} : { namespace: call.namespace }),
      arguments: JSON.stringify(call.input),
      status: 'completed',
    };
    const output = [...(text === '' ? [] : [message]), ...(invocation ? [invocation] : [])];
    const at = output.length - 1;
    const events = [
      { type: 'response.created', response: response(id, model, 'in_progress', []) },
      ...(text === ''
        ? []
        : [
            { type: 'response.output_item.added', output_index: 0, item: { ...message, status: 'in_progress', content: [] } },
            ...pieces(text).map((delta) => ({
              type: 'response.output_text.delta',
              item_id: message.id,
              output_index: 0,
              content_index: 0,
              delta,
              logprobs: [],
            })),
            { type: 'response.output_item.done', output_index: 0, item: message },
          ]),
      ...(invocation
        ? [
            { type: 'response.output_item.added', output_index: at, item: { ...invocation, arguments: '', status: 'in_progress' } },
            { type: 'response.output_item.done', output_index: at, item: invocation },
          ]
        : []),
      { type: 'response.completed', response: response(id, model, 'completed', output) },
    ];
    return events.map((event, index) => ({ event: event.type, data: { ...event, sequence_number: index } }));
  },
};

function itemsOf({ type = 'message', role, content, name, output }: Exclude<Body['input'], string>[number]): Item[] {
  if (type.endsWith('_call_output')) return [{ role: 'result', text: textOf(output) }];
  if (type.endsWith('_call')) return [{ role: 'call', text: name ?? type }];
  if (type !== 'message' || (role !== 'user' && role !== 'assistant')) return [];
  return [{ role, text: textOf(content) }];
}

function offersOf(tool: Tool): Offer[] {
  if (tool.type === 'namespace') return (tool.tools ?? []).flatMap(offersOf).map((each) => ({ ...each, namespace: tool.name ?? '' }));
  return tool.name === undefined ? [] : [offer(tool.name, tool.parameters)];
}

function response(id: string, model: string, status: 'in_progress' | 'completed', output: object[]): object {
  return {
    id: `resp_${id}`,
    object: 'response',
    created_at: 1_750_000_000,
    status,
    model,
    output,
    output_text: '',
    access_programs: null,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: null,
    parallel_tool_calls: false,
    temperature: null,
    top_p: null,
    tool_choice: 'auto',
    tools: [],
    ...(status === 'completed' ? { usage: USAGE } : {}),
  };
}

const USAGE = {
  input_tokens: 100,
  input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  output_tokens: 20,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 120,
};

import { type Item, type ModelApi, offer, type Parameters, pieces, textOf } from './conversation.ts';

interface Body {
  messages: { role: string; content: string | Block[] }[];
  tools?: { name: string; input_schema?: Parameters }[];
}

interface Block {
  type: string;
  text?: string;
  name?: string;
  content?: unknown;
}

/** Anthropic's Messages. */
export const messages: ModelApi = {
  schema: 'messages',
  type: 'Messages',
  answers: (path) => path.endsWith('/messages'),

  read(body) {
    const { messages: list, tools = [] } = body as Body;
    return {
      items: list.flatMap(({ role, content }) =>
        (typeof content === 'string' ? [{ type: 'text', text: content }] : content).map((block) => itemOf(role, block)),
      ),
      offers: tools.map((tool) => offer(tool.name, tool.input_schema)),
    };
  },

  events({ id, text, call }, model) {
    const message = { id: `msg_${id}`, type: 'message', role: 'assistant', model, content: [], ...UNUSED, ...STOP, usage: USAGE };
    const start = (index: number, block: object): object => ({ type: 'content_block_start', index, content_block: block });
    const delta = (index: number, change: object): object => ({ type: 'content_block_delta', index, delta: change });
    const at = text === '' ? 0 : 1;
    const events = [
      { type: 'message_start', message },
      ...(text === ''
        ? []
        : [
            start(0, { type: 'text', text: '', citations: null }),
            ...pieces(text).map((piece) => delta(0, { type: 'text_delta', text: piece })),
            { type: 'content_block_stop', index: 0 },
          ]),
      ...(call
        ? [
            start(at, { type: 'tool_use', id: `toolu_${id}`, name: call.name, input: {} }),
            delta(at, { type: 'input_json_delta', partial_json: JSON.stringify(call.input) }),
            { type: 'content_block_stop', index: at },
          ]
        : []),
      { type: 'message_delta', delta: { ...STOP, stop_reason: call ? 'tool_use' : 'end_turn' }, usage: USAGE, context_management: null },
      { type: 'message_stop' },
    ];
    return events.map((data) => ({ event: (data as { type: string }).type, data }));
  },
};

function itemOf(role: string, block: Block): Item {
  if (block.type === 'tool_result') return { role: 'result', text: textOf(block.content) };
  if (block.type === 'tool_use') return { role: 'call', text: block.name ?? '' };
  return { role: role === 'assistant' ? 'assistant' : 'user', text: block.text ?? '' };
}

const UNUSED = { context_management: null, diagnostics: null };
const STOP = { container: null, stop_details: null, stop_reason: null, stop_sequence: null };
const USAGE = {
  input_tokens: 100,
  output_tokens: 20,
  cache_creation: null,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  fallback_credit: null,
  inference_geo: null,
  iterations: null,
  output_tokens_details: null,
  server_tool_use: null,
  service_tier: null,
  speed: null,
};

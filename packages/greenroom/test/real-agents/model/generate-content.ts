import { type Item, type ModelApi, offer, type Parameters, pieces } from './conversation.ts';

interface Body {
  contents: { role?: string; parts?: Part[] }[];
  tools?: { functionDeclarations?: { name: string; parameters?: Parameters; parametersJsonSchema?: Parameters }[] }[];
}

interface Part {
  text?: string;
  functionCall?: { name?: string };
  functionResponse?: { response?: Record<string, unknown> };
}

/** Gemini's generateContent, streamed. */
export const generateContent: ModelApi = {
  schema: 'generate-content',
  type: 'GenerateContent',
  answers: (path) => path.endsWith(':streamGenerateContent'),

  read(body) {
    const { contents, tools = [] } = body as Body;
    return {
      items: contents.flatMap(({ role, parts = [] }) => parts.map((part) => itemOf(role ?? 'user', part))),
      offers: tools.flatMap(({ functionDeclarations = [] }) =>
        functionDeclarations.map(({ name, parametersJsonSchema, parameters }) => offer(name, parametersJsonSchema ?? parameters)),
      ),
    };
  },

  events({ id, text, call }, model) {
    const chunk = (parts: object[], rest: object = {}): object => ({
      candidates: [{ index: 0, content: { role: 'model', parts }, ...rest }],
      modelVersion: model,
      responseId: id,
      usageMetadata: { promptTokenCount: 100, candidatesTokenCount: 20, totalTokenCount: 120 },
    });
    const calls = call ? [{ functionCall: { id: `call_${id}`, name: call.name, args: call.input } }] : [];
    return [
      ...pieces(text).map((piece) => chunk([{ text: piece }])),
      chunk(calls.length > 0 ? calls : [{ text: '' }], { finishReason: 'STOP' }),
    ].map((data) => ({
      data,
    }));
  },
};

function itemOf(role: string, part: Part): Item {
  if (part.functionResponse) return { role: 'result', text: JSON.stringify(part.functionResponse.response) };
  if (part.functionCall) return { role: 'call', text: part.functionCall.name ?? '' };
  return { role: role === 'model' ? 'assistant' : 'user', text: part.text ?? '' };
}

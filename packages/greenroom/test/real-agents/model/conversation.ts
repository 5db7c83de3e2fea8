/** A request of any of the model APIs, reduced to what the script needs. */
export interface Conversation {
  items: Item[];
  offers: Offer[];
}

export interface Item {
  role: 'user' | 'assistant' | 'call' | 'result';
  text: string;
}

/** A tool that the agent offers to the model. */
export interface Offer {
  name: string;
  namespace?: string;
  properties: string[];
  required: string[];
}

/** What the model answers. */
export interface Reply {
  /** Unique in the conversation. */
  id: string;
  text: string;
  call?: Call;
}

export interface Call {
  name: string;
  namespace?: string;
  input: Record<string, unknown>;
}

/** One server-sent event. */
export interface StreamEvent {
  event?: string;
  data: unknown;
}

/** One of the APIs that agents speak to models. */
export interface ModelApi {
  /** Of its schema file, whose definitions `<type>Request` and `<type>Event` are checked. */
  schema: string;
  type: string;
  answers(path: string): boolean;
  read(body: unknown): Conversation;
  /** The events of a streamed answer, in order. */
  events(reply: Reply, model: string): StreamEvent[];
  /** Sent as it is when all events are. */
  last?: string;
}

/** A JSON Schema of a tool's parameters as far as it is looked at. */
export interface Parameters {
  properties?: Record<string, unknown>;
  required?: string[];
}

export function offer(name: string, parameters: Parameters | null | undefined): Offer {
  return { name, properties: Object.keys(parameters?.properties ?? {}), required: parameters?.required ?? [] };
}

/** The text of a content that is text, or a list of parts some of which are. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map(textOf).join('\n');
  if (content !== null && typeof content === 'object') {
    if ('text' in content) return textOf(content.text);
    if ('content' in content) return textOf(content.content);
  }
  return '';
}

/** Cuts a text where a model would: after words. */
export function pieces(text: string): string[] {
  return text.match(/\S+\s*/g) ?? [];
}

import type { Attributes } from './otlp.ts';

export interface TraceSettings {
  /** Of the traces, with their path. */
  endpoint: URL;
  headers: Record<string, string>;
  timeoutMs: number;
  resource: Attributes;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * What OpenTelemetry's standard variables say of traces. Null when they name no endpoint or switch traces off; `problem` is a sentence about what is
 * wrong with them, and then there are no traces: nothing that is measured is worth an app that does not start.
 */
export function readTraceSettings(env: NodeJS.ProcessEnv): { settings: TraceSettings | null; problem: string } {
  const say = (name: string): string => env[name]?.trim() ?? '';
  const off = (problem = ''): { settings: null; problem: string } => ({ settings: null, problem });
  const [own, shared] = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;
  const named = say(own) ? own : shared;
  if (say(named) === '' || say('OTEL_SDK_DISABLED').toLowerCase() === 'true' || say('OTEL_TRACES_EXPORTER') === 'none') return off();
  const protocol = say('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') || say('OTEL_EXPORTER_OTLP_PROTOCOL');
  if (protocol === 'grpc') {
    return off(
      'No traces are sent: OTEL_EXPORTER_OTLP_PROTOCOL is grpc, and Greenroom speaks http/json; collectors take that on port 4318.',
    );
  }
  const endpoint = URL.parse(say(named));
  if (!endpoint || !/^https?:$/.test(endpoint.protocol)) return off(`No traces are sent: ${named} is not an http or https address.`);
  if (named === shared) endpoint.pathname = `${endpoint.pathname.replace(/\/+$/, '')}/v1/traces`;
  const headers = { ...pairs(say('OTEL_EXPORTER_OTLP_HEADERS')), ...pairs(say('OTEL_EXPORTER_OTLP_TRACES_HEADERS')) };
  const wrong = Object.entries(headers).find(([name, value]) => !/^[\w!#$%&'*+.^`|~-]+$/.test(name) || !/^[\t\x20-\x7e]*$/.test(value));
  if (wrong)
    return off(`No traces are sent: OTEL_EXPORTER_OTLP_HEADERS has a header that HTTP does not allow, ${JSON.stringify(wrong[0])}.`);
  const timeoutMs = Number(say('OTEL_EXPORTER_OTLP_TRACES_TIMEOUT') || say('OTEL_EXPORTER_OTLP_TIMEOUT') || DEFAULT_TIMEOUT_MS);
  return {
    settings: {
      endpoint,
      headers,
      timeoutMs: timeoutMs > 0 && timeoutMs <= 600_000 ? timeoutMs : DEFAULT_TIMEOUT_MS,
      resource: {
        ...pairs(say('OTEL_RESOURCE_ATTRIBUTES')),
        ...(say('OTEL_SERVICE_NAME') ? { 'service.name': say('OTEL_SERVICE_NAME') } : {}),
      },
    },
    problem: '',
  };
}

/** `name=value,name=value`, with values percent-encoded. */
function pairs(text: string): Record<string, string> {
  const entries = text.split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at < 1 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())] as const];
  });
  return Object.fromEntries(entries);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

import type { Span } from './spans.ts';

export type Attributes = Record<string, string | number | boolean>;

const KINDS = { internal: 1, server: 2 } as const;
const STATUS_ERROR = 2;
/** W3C's `sampled`, and that we know whether the parent is another process's, and that it is. */
const FLAG_SAMPLED = 0x001;
const FLAG_HAS_IS_REMOTE = 0x100;
const FLAG_IS_REMOTE = 0x200;

/**
 * An `ExportTraceServiceRequest` in OTLP's JSON: names in lowerCamelCase, ids as hex, 64-bit numbers as strings, enums as numbers.
 * Source: opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding".
 */
export function exportRequest(spans: readonly Span[], resource: Attributes, version: string): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: keyValues(resource) },
        scopeSpans: [{ scope: { name: 'greenroom', version }, spans: spans.map(encode) }],
      },
    ],
  };
}

function encode({ traceId, spanId, parentId, parentIsRemote, name, kind, start, end, attributes, error }: Span): object {
  return {
    traceId,
    spanId,
    ...(parentId ? { parentSpanId: parentId } : {}),
    flags: FLAG_SAMPLED | FLAG_HAS_IS_REMOTE | (parentIsRemote ? FLAG_IS_REMOTE : 0),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(start),
    endTimeUnixNano: nanoseconds(end),
    attributes: keyValues(attributes),
    status: error ? { code: STATUS_ERROR, message: error } : {},
  };
}

function keyValues(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

const nanoseconds = (ms: number): string => `${BigInt(Math.round(ms)) * 1_000_000n}`;

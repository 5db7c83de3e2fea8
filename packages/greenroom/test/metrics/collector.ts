/**
 * A stand-in for an OpenTelemetry collector that takes OTLP/HTTP in JSON, and nothing that a strict one would refuse. The shapes are written after
 * `opentelemetry/proto/{collector/trace,trace,resource,common}/v1` with the JSON mapping that the protocol's specification asks for: unknown fields are
 * errors here, ids are hex, 64-bit integers are strings, enums are numbers.
 */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { z } from 'zod';

const id = (bytes: number) => z.string().regex(new RegExp(`^(?!0+$)[0-9a-f]{${bytes * 2}}$`));
const uint64 = z.string().regex(/^\d{1,20}$/);
const anyValue = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ boolValue: z.boolean() }),
  z.strictObject({ intValue: z.string().regex(/^-?\d{1,19}$/) }),
  z.strictObject({ doubleValue: z.number() }),
]);
const attributes = z
  .array(z.strictObject({ key: z.string().min(1), value: anyValue }))
  .refine((all) => new Set(all.map(({ key }) => key)).size === all.length, 'keys are unique');
const span = z
  .strictObject({
    traceId: id(16),
    spanId: id(8),
    traceState: z.string().optional(),
    parentSpanId: id(8).optional(),
    flags: z.int().min(0).max(0x3ff),
    name: z.string().min(1),
    kind: z.int().min(1).max(5),
    startTimeUnixNano: uint64,
    endTimeUnixNano: uint64,
    attributes,
    status: z.strictObject({ message: z.string().optional(), code: z.int().min(0).max(2).optional() }),
  })
  .refine((it) => BigInt(it.endTimeUnixNano) >= BigInt(it.startTimeUnixNano), 'ends before it starts');
const request = z.strictObject({
  resourceSpans: z
    .array(
      z.strictObject({
        resource: z.strictObject({ attributes }),
        scopeSpans: z
          .array(z.strictObject({ scope: z.strictObject({ name: z.string(), version: z.string() }), spans: z.array(span).min(1) }))
          .min(1),
      }),
    )
    .min(1),
});

/** A span as it came, its attributes as an object. */
export interface CollectedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  start: bigint;
  end: bigint;
  flags: number;
  attributes: Record<string, unknown>;
  error: string;
  resource: Record<string, unknown>;
}

export interface Collector {
  url: string;
  spans: CollectedSpan[];
  /** Of every request, refused ones too. */
  headers: IncomingHttpHeaders[];
  /** What a strict collector would have refused. */
  problems: string[];
}

/** `reply` decides by the number of requests so far, beginning with 1. */
export async function startCollector(t: TestContext, reply: (count: number) => number = () => 200): Promise<Collector> {
  const collector: Collector = { url: '', spans: [], headers: [], problems: [] };
  const server = createServer(async (message, response) => {
    let text = '';
    for await (const chunk of message) text += String(chunk);
    collector.headers.push(message.headers);
    if (message.method !== 'POST' || message.url !== '/v1/traces') collector.problems.push(`${message.method} ${message.url}`);
    if (message.headers['content-type'] !== 'application/json') collector.problems.push(`content-type ${message.headers['content-type']}`);
    const status = reply(collector.headers.length);
    const parsed = request.safeParse(JSON.parse(text));
    if (!parsed.success) collector.problems.push(z.prettifyError(parsed.error));
    else if (status === 200) collector.spans.push(...spansOf(parsed.data));
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
    assert.deepEqual(collector.problems, []);
  });
  collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return collector;
}

function spansOf({ resourceSpans }: z.output<typeof request>): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId, parentSpanId = '', name, startTimeUnixNano, endTimeUnixNano, flags, attributes: own, status }) => ({
        traceId,
        spanId,
        parentSpanId,
        name,
        flags,
        start: BigInt(startTimeUnixNano),
        end: BigInt(endTimeUnixNano),
        attributes: valuesOf(own),
        error: status.code === 2 ? (status.message ?? 'no message') : '',
        resource: valuesOf(resource.attributes),
      })),
    ),
  );
}

function valuesOf(all: z.output<typeof attributes>): Record<string, unknown> {
  return Object.fromEntries(all.map(({ key, value }) => [key, Object.values(value)[0]]));
}

import type { Readable, Writable } from 'node:stream';
import type { AnyMessage, Stream } from '@agentclientprotocol/sdk';
import { createShortener, type Shortener } from './shorten.ts';

/** Lines up to this many bytes are taken as they are; of longer ones the long strings are shortened while they come in. */
const LONG_LINE_BYTES = 1024 * 1024;
const NOISE_CHARACTERS = 2_000;

/**
 * The protocol over an agent's standard input and output, one JSON message a line. Reads no faster than messages are handled. What is no message
 * (agents print banners and warnings) is given to `onNoise` instead of being answered.
 */
export function createAgentStream(stdin: Writable, stdout: Readable, onNoise: (line: string) => void): Stream {
  return {
    readable: ReadableStream.from(messages(stdout, onNoise)) as ReadableStream<AnyMessage>,
    writable: new WritableStream<AnyMessage>({
      write: (message) =>
        new Promise((resolve, reject) => {
          stdin.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()));
        }),
    }),
  };
}

async function* messages(stdout: Readable, onNoise: (line: string) => void): AsyncGenerator<AnyMessage, void, undefined> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  let shortener: Shortener | null = null;
  const take = (piece: Buffer): void => {
    if (shortener) {
      shortener.push(piece);
      return;
    }
    pieces.push(piece);
    bytes += piece.byteLength;
    if (bytes <= LONG_LINE_BYTES) return;
    shortener = createShortener();
    for (const earlier of pieces) shortener.push(earlier);
    pieces = [];
  };
  const line = (): string => {
    const whole = shortener ? shortener.end() : Buffer.concat(pieces);
    pieces = [];
    bytes = 0;
    shortener = null;
    return whole.toString('utf8').trim();
  };
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    let from = 0;
    for (let newline = chunk.indexOf(10); newline !== -1; newline = chunk.indexOf(10, from)) {
      take(chunk.subarray(from, newline));
      from = newline + 1;
      const message = parse(line(), onNoise);
      if (message) yield message;
    }
    take(chunk.subarray(from));
  }
  const message = parse(line(), onNoise);
  if (message) yield message;
}

function parse(line: string, onNoise: (line: string) => void): AnyMessage | undefined {
  if (line === '') return undefined;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as AnyMessage;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  onNoise(line.slice(0, NOISE_CHARACTERS));
  return undefined;
}

import type { Readable } from 'node:stream';

/** How the program of a sandbox ended. `error`: why it could not be started. */
export interface EndedInside {
  code: number | null;
  signal: NodeJS.Signals | null;
  error?: string;
}

/** The descriptor on which the first program of a sandbox tells that, as one line of JSON. */
export const TOLD_ON = 3;

const MOST_CHARACTERS = 10_000;

/** Calls back once it is told. What is no such line is not listened to. */
export function whenEndedInside(told: Readable, tell: (ended: EndedInside) => void): void {
  let text = '';
  told.setEncoding('utf8').on('data', (part: string) => {
    text = (text + part).slice(0, MOST_CHARACTERS);
    const end = text.indexOf('\n');
    const ended = end < 0 ? undefined : read(text.slice(0, end));
    if (ended) tell(ended);
  });
  told.on('error', () => undefined); // it is gone, which is told by its exit
}

function read(line: string): EndedInside | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as EndedInside) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

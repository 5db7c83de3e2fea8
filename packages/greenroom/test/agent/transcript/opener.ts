/** Opens many new transcripts, in step with others that do the same: a line of input for each, answered by its number. Argument: folder. */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openTranscript } from '../../../src/agent/transcript.ts';

for await (const number of createInterface(process.stdin)) {
  openTranscript(join(process.argv[2] ?? '', `${number}.db`)).close();
  process.stdout.write(`${number}\n`);
}

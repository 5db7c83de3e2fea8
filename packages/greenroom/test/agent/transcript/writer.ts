/** Appends numbered text events until it is killed, and says each number once it is on disk. Arguments: file, conversation, turn. */
import { writeSync } from 'node:fs';
import { openTranscript } from '../../../src/agent/transcript.ts';

const [file = '', conversation = '', turn = ''] = process.argv.slice(2);
const transcript = openTranscript(file);
for (let number = 0; ; number += 1) {
  const { seq } = transcript.append({ conversation, turn }, { kind: 'text', block: 'b', delta: `${number} ` });
  writeSync(1, `${number} ${seq}\n`);
}

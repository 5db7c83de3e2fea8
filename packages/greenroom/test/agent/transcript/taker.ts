/** Takes and finishes turns as fast as it can until none waits; prints the ids of those it had. Argument: file. */
import { openTranscript } from '../../../src/agent/transcript.ts';

const transcript = openTranscript(process.argv[2] ?? '');
const runner = { pid: process.pid, start_ticks: 1, boot_id: 'test' };
while (transcript.queued().length > 0) {
  const turn = transcript.takeTurn(runner);
  if (!turn) continue;
  if (transcript.running()?.id !== turn.id) throw new Error(`${turn.id} was taken and is not the running one`);
  process.stdout.write(`${turn.id}\n`);
  transcript.finish(turn.id, 'completed', { detail: '' });
}
transcript.close();

/**
 * Started by the kill test: enqueues numbered jobs and delivers them, until it is killed. Says `+id` on its standard output once a job is on disk. A
 * delivery looks in the folder `effects` before it acts, as a handler that posts to a service does. Arguments: outbox folder, effects folder, first number.
 */
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openOutbox } from '../../src/orchestrator/adapters/outbox.ts';

const [folder = '', effects = '', first = '0'] = process.argv.slice(2);
const outbox = await openOutbox({
  folder,
  handlers: {
    async note(payload) {
      const { id } = payload as { id: string };
      const file = join(effects, id);
      if (await exists(file)) return { outcome: 'done' };
      await writeFile(file, '', { flag: 'wx' });
      return { outcome: 'done' };
    },
  },
  log: (message) => void process.stderr.write(`${message}\n`),
  keepFinished: 10_000,
});
process.stdout.write('ready\n');
for (let number = Number(first); ; number++) {
  const id = String(number);
  await outbox.enqueue({ id, kind: 'note', key: String(number % 3), payload: { id } });
  process.stdout.write(`+${id}\n`);
  void outbox.drain(new AbortController().signal);
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

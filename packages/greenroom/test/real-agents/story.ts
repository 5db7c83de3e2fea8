import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Scripts } from './model/script.ts';

export const GUESTBOOK = resolve(import.meta.dirname, '../../../../examples/guestbook');

const greeting = lineOf('src/content.ts', 'greeting:');
export const OLD_GREETING = /'(.*)'/.exec(greeting)?.[1] ?? '';
export const NEW_GREETING = 'Good evening. Leave a line by the light of the lamp.';

/** A command that lasts longer than any test, with a number that no other program has. */
export const SLEEP = 'sleep 31173';

/** What the deep check asks for, and the same with a mistake that only shows when it is asked for. */
const ping = lineOf('src/app.ts', "'/api/ping'");
const brokenPing = ping.replace('ok: true', 'ok: true, mood: release.mood.trim()');
const LAMP_FILE = 'src/lamp.ts';

/** Looks like the real thing to whoever searches for secrets, and is made up when the test runs. */
function token(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return `${'gh'}p_${Array.from({ length: 36 }, () => alphabet[randomInt(alphabet.length)]).join('')}`;
}

const deploy = (reason: string): { do: 'greenroom'; verb: string; input: Record<string, string>; args: string[] } => ({
  do: 'greenroom',
  verb: 'deploy',
  input: { reason },
  args: ['--reason', reason],
});

/**
 * What the agent is to live through: a change that breaks the deep check, its repair with a secret beside it, and a commit rewritten without. Each
 * `expect` is what the agent has to be told for a model to be able to repair it.
 */
export function storyScripts(): Scripts {
  return {
    evening: [
      { do: 'read', path: 'src/content.ts', expect: /greeting/ },
      { do: 'edit', path: 'src/content.ts', from: greeting, to: greeting.replace(OLD_GREETING, NEW_GREETING) },
      { do: 'read', path: 'src/app.ts', expect: /api\/ping/ },
      { do: 'edit', path: 'src/app.ts', from: ping, to: brokenPing },
      { do: 'run', command: 'git add -A && git commit -m "Greet in the evening"', expect: /Greet in the evening/ },
      { ...deploy('Greet in the evening'), expect: /deep_check_failed[\s\S]*reading 'trim'/ },
      { do: 'edit', path: 'src/app.ts', from: brokenPing, to: ping },
      { do: 'write', path: LAMP_FILE, content: `export const lamp = '${token()}';\n` },
      { do: 'run', command: 'git add -A && git commit -m "Repair the ping, and add a lamp"', expect: /Repair the ping/ },
      { ...deploy('Repair the ping'), expect: /gate_secret[\s\S]*src\/lamp\.ts/ },
      { do: 'write', path: LAMP_FILE, content: "export const lamp = 'lit';\n" },
      // A commit on top would not do: the one with the secret would be published with it.
      { do: 'run', command: 'git add -A && git commit --amend -m "Repair the ping, and light a lamp"', expect: /light a lamp/ },
      { ...deploy('Repair the ping'), expect: /live/i },
      { do: 'say', text: 'The guestbook **greets in the evening** now.' },
    ],
    undo: [
      {
        do: 'greenroom',
        verb: 'rollback',
        input: { reason: 'The person asked for it' },
        args: ['--reason', 'The person asked for it'],
        expect: /live/i,
      },
      { do: 'say', text: 'The old greeting is back.' },
    ],
    after: [{ do: 'say', text: 'Here I am again.' }],
    // One of them in a session of its own, where the end of the shell does not reach it.
    wait: [{ do: 'run', command: `setsid ${SLEEP} & ${SLEEP}` }],
  };
}

/** The line of the guestbook that holds a text: whole, because agents replace lines, or want what they replace to be unique. */
function lineOf(file: string, text: string): string {
  const line = readFileSync(join(GUESTBOOK, file), 'utf8')
    .split('\n')
    .find((each) => each.includes(text));
  if (line === undefined) throw new Error(`${file} of the guestbook has no line with ${text}: let the story change another one.`);
  return line;
}

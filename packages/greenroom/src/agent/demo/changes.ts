import { randomBytes } from 'node:crypto';
import type { Performer } from './performer.ts';

/** Something the demo agent can be asked for. */
export interface Change {
  /** How to ask for it. */
  example: string;
  pattern: RegExp;
  perform(performer: Performer, message: string): Promise<void>;
}

const CONTENT = 'src/content.ts';
const STORE = 'src/store.ts';
const HUES: Readonly<Record<string, number>> = {
  red: 10,
  orange: 25,
  yellow: 60,
  green: 160,
  teal: 185,
  blue: 220,
  violet: 265,
  purple: 285,
  pink: 330,
};
const MAX_WORDS = 120;

const CHANGES: readonly Change[] = [
  {
    example: 'Roll back to the previous version.',
    pattern: /\b(roll ?back|undo|go back|previous version)\b/i,
    async perform(agent) {
      const { ok } = await agent.greenroom('Roll back', 'rollback', '--reason', 'asked for in the chat');
      await agent.say(
        ok
          ? 'The previous version is live again. The commit stays on my branch.'
          : 'There is nothing to roll back to, as the answer above says.',
      );
    },
  },
  {
    example: 'Break the guestbook, to see what happens.',
    pattern: /\bbreak\b|\bbroken\b|\bbug\b/i,
    perform: breakAndRepair,
  },
  {
    example: 'Put a secret into the code, to see what happens.',
    pattern: /\b(secret|password|api key|credential)/i,
    perform: leakAndRepair,
  },
  {
    example: 'What is live?',
    pattern: /\b(status|what is live|which version)\b/i,
    async perform(agent) {
      const { output } = await agent.greenroom('Look at the status', 'status');
      await agent.say(`This is how it stands:\n\n\`\`\`\n${output.trim()}\n\`\`\``);
    },
  },
  {
    example: 'Make it blue. (or red, orange, green, teal, violet, pink)',
    pattern: new RegExp(`\\b(${Object.keys(HUES).join('|')})\\b`, 'i'),
    async perform(agent, message) {
      const colour = (/[a-z]+/i.exec(message.match(this.pattern)?.[0] ?? '')?.[0] ?? 'green').toLowerCase();
      await agent.say(`I will make the accent colour ${colour}.`);
      await agent.edit(CONTENT, `Set the accent colour to ${colour}`, /hue: \d+/, `hue: ${HUES[colour]}`);
      await ship(agent, `Make the guestbook ${colour}`);
    },
  },
  {
    example: 'Change the greeting to "Hello from the chat!"',
    pattern: /\b(greeting|greet|welcome)\b/i,
    async perform(agent, message) {
      const words = quoted(message) ?? 'Hello from the chat!';
      await agent.say('I will change the greeting.');
      await agent.edit(CONTENT, 'Change the greeting', /greeting: (['"]).*\1/, `greeting: ${JSON.stringify(words)}`);
      await ship(agent, 'Change the greeting');
    },
  },
  {
    example: 'Call it "Visitors of 2026"',
    pattern: /\b(title|call it|rename|heading)\b/i,
    async perform(agent, message) {
      const words = quoted(message) ?? 'Our guestbook';
      await agent.say('I will change the title.');
      await agent.edit(CONTENT, 'Change the title', /title: (['"]).*\1/, `title: ${JSON.stringify(words)}`);
      await ship(agent, 'Change the title');
    },
  },
];

export function findChange(message: string): Change | undefined {
  return CHANGES.find(({ pattern }) => pattern.test(message));
}

export function helpText(): string {
  return [
    'I am the **demo agent**: scripted, no AI. I know a few changes to the guestbook, and I really make them: I edit, commit, deploy and roll back. Ask me:\n',
    ...CHANGES.map(({ example }) => `- ${example}`),
    '\nFor an agent that understands what you say, name one in the contract: `"agent": { "preset": "opencode" }`, or another that speaks the Agent Client Protocol.',
  ].join('\n');
}

/** Commits and deploys, and says how that went. Answers whether it is live. */
async function ship(agent: Performer, subject: string): Promise<boolean> {
  const committed = await agent.git('Commit', 'commit', '--quiet', '--all', '--message', subject);
  if (!committed.ok) await agent.say('There is nothing to commit: it is like that already. I deploy it, so that it is live too.');
  const { ok, output } = await agent.greenroom('Deploy', 'deploy', '--reason', subject);
  if (ok) await agent.say('Done: it is live. Load the page again to see it. `Roll back` takes it back.');
  else if (/approv/i.test(output)) await agent.say('It is healthy and waits for somebody to approve it.');
  return ok;
}

async function breakAndRepair(agent: Performer): Promise<void> {
  const plan = ['Make a mistake', 'Deploy it', 'Read why it was refused', 'Repair it'];
  await agent.plan(plan, 0);
  await agent.say(
    'I will make a mistake that no compiler finds: the app starts, says that it is healthy, and cannot write to its database.',
  );
  await agent.edit(STORE, 'Forget an argument', /pinged\.run\(commit, new Date\(\)\.toISOString\(\)\)/, 'pinged.run(commit)');
  await agent.plan(plan, 1);
  const live = await ship(agent, 'Tidy up the ping');
  if (live) {
    await agent.say('That should have been refused, and was not.');
    return;
  }
  await agent.plan(plan, 2);
  await agent.say('The deep check found it before a single visitor did; the live version was not touched. Now I repair it.');
  await agent.plan(plan, 3);
  await agent.git('Take the mistake back', 'revert', '--no-edit', 'HEAD');
  await agent.greenroom('Deploy the repaired version', 'deploy', '--reason', 'repair of the ping');
  await agent.plan(plan, 4);
  await agent.say('Repaired, and live.');
}

async function leakAndRepair(agent: Performer): Promise<void> {
  const plan = ['Write a key into the code', 'Deploy it', 'Take the commit out of the history', 'Deploy again'];
  await agent.plan(plan, 0);
  await agent.say('I will write a made-up key into the code, as a careless agent might.');
  await agent.append(CONTENT, 'Add a key', `export const key = 'ghp_${randomBytes(27).toString('hex').slice(0, 36)}';`);
  await agent.plan(plan, 1);
  if (await ship(agent, 'Add a key')) {
    await agent.say('That should have been refused, and was not.');
    return;
  }
  await agent.plan(plan, 2);
  await agent.say(
    'The gate refused it before anything ran. A commit on top would not do: the key would still be in the history that is pushed. So the commit has to go.',
  );
  await agent.git('Take the commit back', 'reset', '--quiet', '--hard', 'HEAD~1');
  await agent.plan(plan, 3);
  await agent.greenroom('Deploy again', 'deploy', '--reason', 'without the key');
  await agent.plan(plan, 4);
  await agent.say('The key is gone from the history, and what is live is clean.');
}

/** Words in quotation marks, on one line, without what would end a string or a comment. */
function quoted(message: string): string | undefined {
  const words = /["“„'‘]([^"”“'’\n]{1,400})["”“'’]/.exec(message)?.[1];
  return words?.split(/\s+/).slice(0, MAX_WORDS).join(' ').trim() || undefined;
}

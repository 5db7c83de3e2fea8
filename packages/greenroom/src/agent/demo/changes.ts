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
    example: 'Continue. (after an interruption: what is there is committed and deployed)',
    pattern: /^\s*continue\b/i,
    async perform(agent) {
      await agent.say('I go on with what I left in the working copy.');
      await ship(agent, 'Go on after an interruption');
    },
  },
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

/** `open`: nothing is decided yet, such as when somebody has to approve it. */
interface Shipped {
  outcome: 'live' | 'open' | 'refused';
  output: string;
}

/** Commits and deploys, and says how that went, except of a refusal that holds the words `expected`: that is the caller's to tell. */
async function ship(agent: Performer, subject: string, expected?: string): Promise<Shipped> {
  const committed = await agent.git('Commit', 'commit', '--quiet', '--all', '--message', subject);
  if (!committed.ok) await agent.say('There is nothing to commit: it is like that already. I deploy it, so that it is live too.');
  const shipped = await deploy(agent, 'Deploy', subject);
  if (shipped.outcome === 'live') await agent.say('Done: it is live. Load the page again to see it. `Roll back` takes it back.');
  else if (expected === undefined || !shipped.output.includes(expected)) await tellNotLive(agent, shipped);
  return shipped;
}

async function deploy(agent: Performer, title: string, reason: string): Promise<Shipped> {
  const { ok, output } = await agent.greenroom(title, 'deploy', '--reason', reason);
  if (!ok) return { outcome: 'refused', output };
  return { outcome: /it is not live yet|nothing is decided yet/.test(output) ? 'open' : 'live', output };
}

async function tellNotLive(agent: Performer, { outcome, output }: Shipped): Promise<void> {
  if (outcome === 'refused') await agent.say('It did not go live, as the answer above says. The commit stays on my branch.');
  else if (/approv/i.test(output)) await agent.say('It is healthy and waits for somebody to approve it.');
  else await agent.say('It is still under way; the steps above go on by themselves.');
}

async function breakAndRepair(agent: Performer): Promise<void> {
  const plan = ['Make a mistake', 'Deploy it', 'Read why it was refused', 'Repair it'];
  await agent.plan(plan, 0);
  await agent.say(
    'I will make a mistake that no compiler finds: the app starts, says that it is healthy, and cannot write to its database.',
  );
  await agent.edit(STORE, 'Forget an argument', /pinged\.run\(commit, new Date\(\)\.toISOString\(\)\)/, 'pinged.run(commit)');
  await agent.plan(plan, 1);
  const broken = await ship(agent, 'Tidy up the ping', 'deep_check_failed');
  if (broken.outcome !== 'refused') {
    await agent.say('That should have been refused, and was not.');
    return;
  }
  await agent.plan(plan, 2);
  const found = broken.output.includes('deep_check_failed');
  await agent.say(
    found
      ? 'The deep check found it before a single visitor did; the live version was not touched. Now I repair it.'
      : 'It was refused for another reason than my mistake. I take the mistake back.',
  );
  await agent.plan(plan, 3);
  await agent.git('Take the mistake back', 'revert', '--no-edit', 'HEAD');
  if (!found) return;
  const repaired = await deploy(agent, 'Deploy the repaired version', 'repair of the ping');
  if (repaired.outcome === 'refused') {
    await tellNotLive(agent, repaired);
    return;
  }
  await agent.plan(plan, 4);
  if (repaired.outcome === 'live') await agent.say('Repaired, and live.');
  else await tellNotLive(agent, repaired);
}

async function leakAndRepair(agent: Performer): Promise<void> {
  const plan = ['Write a key into the code', 'Deploy it', 'Take the commit out of the history', 'Deploy again'];
  await agent.plan(plan, 0);
  await agent.say('I will write a made-up key into the code, as a careless agent might.');
  await agent.append(CONTENT, 'Add a key', `export const key = 'ghp_${randomBytes(27).toString('hex').slice(0, 36)}';`);
  await agent.plan(plan, 1);
  const leaked = await ship(agent, 'Add a key', 'gate_secret');
  if (leaked.outcome !== 'refused') {
    await agent.say('That should have been refused, and was not.');
    return;
  }
  await agent.plan(plan, 2);
  const found = leaked.output.includes('gate_secret');
  await agent.say(
    found
      ? 'The gate refused it before anything ran. A commit on top would not do: the key would still be in the history that is pushed. So the commit has to go.'
      : 'It was refused for another reason than the key. The commit has to go all the same.',
  );
  await agent.git('Take the commit back', 'reset', '--quiet', '--hard', 'HEAD~1');
  if (!found) return;
  await agent.plan(plan, 3);
  const again = await deploy(agent, 'Deploy again', 'without the key');
  if (again.outcome === 'refused') {
    await tellNotLive(agent, again);
    return;
  }
  await agent.plan(plan, 4);
  if (again.outcome === 'live') await agent.say('The key is gone from the history, and what is live is clean.');
  else await tellNotLive(agent, again);
}

/** Words in quotation marks, on one line, without what would end a string or a comment. */
function quoted(message: string): string | undefined {
  const words = /["“„'‘]([^"”“'’\n]{1,400})["”“'’]/.exec(message)?.[1];
  return words?.split(/\s+/).slice(0, MAX_WORDS).join(' ').trim() || undefined;
}

import { plain } from '../../plain.ts';
import { VERBS } from '../tools/verbs.ts';

/** What of the contract concerns whoever changes the app; a `Contract` is one. */
export interface AppRules {
  port: number;
  internal_port?: number | undefined;
  internal_socket?: string | undefined;
  health_endpoint: string;
  health_test_payload?: { method: string; path: string } | undefined;
  schema_status_endpoint?: string | undefined;
  migrations_path?: string | undefined;
  smoke_test_command?: string | undefined;
  setup_command?: string | undefined;
  protected_paths: readonly string[];
  shared_paths: readonly string[];
  secrets_inject: readonly string[];
  max_diff_lines: number;
  max_deploy_size_mb: number;
  human_branch: string;
  agent_branch: string;
}

export interface LiveState {
  /** Empty when nothing is live. */
  commit: string;
  healthy: boolean;
  frozen: boolean;
}

export interface TextOptions {
  app: string;
  rules: AppRules;
  paths: { contractCopy: string; data: string; workspace: string };
  settings: { approval: boolean; failed_deploys_per_turn: number };
  /** Null when the orchestrator does not say. */
  live: LiveState | null;
  hasTools: boolean;
}

/** A list of any length stays readable: the contract has the rest. */
const MOST_NAMED = 60;
const NAME_LENGTH = 120;

/** Short, because it is in front of everything that the agent reads. */
export function instructionsText(options: TextOptions): string {
  return [
    introduction(options),
    section('Where you work', whereYouWork(options)),
    section('How your work goes live', goingLive(options)),
    section('What a deploy is refused for', refusals(options)),
    section('What you leave alone', leaveAlone(options)),
    section('How you end a turn', [
      'Commit what belongs to the change. What is left uncommitted is kept, and is shown to the person.',
      'Say in a few sentences what you changed, whether it is live, and what is left to do or to decide.',
    ]),
  ].join('\n\n');
}

function introduction({ app }: TextOptions): string {
  return `You are the coding agent of the web app "${name(app)}". People ask you for changes in a chat inside the running app; each message is one turn. You change the app's own source, deploy it through Greenroom, and undo it when asked. Nobody sits at a terminal: do not wait for input, and ask questions only by ending your turn with them.`;
}

function whereYouWork({ rules, paths }: TextOptions): string[] {
  const { human_branch: human, agent_branch: agent } = rules;
  return [
    `${paths.workspace} is your own git clone, and the only folder whose files you change. Stay on its branch ${agent}: only what is committed there is deployed.`,
    `People work on ${human}. It is merged into ${agent} before your turn when that is possible without a decision; when you are told of a conflict, resolving it comes before anything else.`,
    'Commit with git, one idea a commit. Trailers that lead from a commit back to this conversation are added by themselves: keep them. Do not push, and do not rewrite commits that were deployed.',
  ];
}

function goingLive({ rules, settings, live, hasTools }: TextOptions): string[] {
  const { health_endpoint: health, health_test_payload: deep, smoke_test_command: smoke, setup_command: setup } = rules;
  const width = Math.max(...VERBS.map((verb) => verb.command.length));
  const verbs = hasTools
    ? `You have these tools: ${VERBS.map((verb) => `\`${verb.name}\` (${verb.title.toLowerCase()})`).join(', ')}. The command \`greenroom\` does the same.`
    : `The command \`greenroom\` does it (\`--help\` says more):\n${VERBS.map((verb) => `    greenroom ${verb.command.padEnd(width)}  ${verb.title}`).join('\n')}`;
  const probes = [
    `answers 200 at ${name(health)}`,
    ...(deep ? [`passes ${name(deep.method)} ${name(deep.path)}`] : []),
    ...(smoke ? [`passes its smoke test (${name(smoke)})`] : []),
  ];
  return [
    verbs,
    `A deploy judges the commit, starts it beside the live version${setup ? ` (after ${name(setup)} when dependencies changed)` : ''}, and lets visitors in only when it ${probes.join(', ')}. Until then, and whenever that fails, the live version is untouched.`,
    `A refusal says step, code and evidence. Repair the cause, commit, and deploy again. After ${settings.failed_deploys_per_turn} refused or failed deploys in one turn, stop and report.`,
    ...(settings.approval ? ["A deploy of yours waits for a person's approval. When you are told so, end your turn with a summary."] : []),
    'A rollback is for when a person asks, or when what you deployed does harm.',
    ...stateNow(live),
  ];
}

function stateNow(live: LiveState | null): string[] {
  if (!live) return [];
  const now =
    live.commit === '' ? 'Nothing is live yet.' : `Live now is ${live.commit.slice(0, 10)}${live.healthy ? '' : ', which is not healthy'}.`;
  return [live.frozen ? `${now} Deploys are frozen at the moment: you can prepare and commit, and say that it waits.` : now];
}

function refusals({ rules, paths }: TextOptions): string[] {
  const protectedPaths = names(rules.protected_paths);
  return [
    ...(protectedPaths ? [`A change to a protected path: ${protectedPaths}. If the task needs one, say so instead.`] : []),
    'Anything that looks like a secret, in any commit that would be published.',
    `More than ${rules.max_diff_lines} changed lines compared with the live version, or more than ${rules.max_deploy_size_mb} MB of files in all.`,
    'Commits that lack the newest live work of people, or that bring back what people took out.',
    ...(rules.migrations_path
      ? [
          `In ${names([rules.migrations_path])}: a change of a migration that is live or on the human branch, a number that is taken, and a new migration that the live version cannot bear (a drop, a rename, another type, NOT NULL without a default). Add first, and say what can be dropped later.`,
        ]
      : []),
    `The rules are in ${paths.contractCopy}, a copy: changing it changes nothing.`,
  ];
}

function leaveAlone({ rules, paths }: TextOptions): string[] {
  const { port, internal_port: internal, internal_socket: socket, schema_status_endpoint: schema } = rules;
  const served = socket !== undefined ? 'on its internal socket' : internal === undefined ? 'for Greenroom' : 'on its internal port';
  const ports = internal === undefined ? `port ${port}` : `ports ${port} and ${internal}`;
  const secrets = names(rules.secrets_inject);
  const shared = names(rules.shared_paths);
  return [
    `Processes: do not start, stop or signal the app that runs, the orchestrator or the proxy, and do not listen on ${ports}. To try something, start your own copy on another port, and end it before your turn ends.`,
    `Internal endpoints: do not call what the app serves ${served} (health${schema ? `, ${name(schema)}` : ''}, migrations). Never run a migration of the database; when a change needs one, say which.`,
    `Everything in ${paths.data} outside your clone: releases, journal, sockets, configuration.`,
    `Secrets: do not look for, print or commit them.${secrets ? ` The app finds ${secrets} in its environment; read them there in code, by name.` : ''}`,
    ...(shared ? [`Data that all releases share: ${shared}.`] : []),
  ];
}

const section = (title: string, lines: readonly string[]): string => [`## ${title}`, ...lines.map((line) => `- ${line}`)].join('\n');

/** Of the contract, in a sentence: on one line, and no longer than that. */
const name = (text: string): string => plain(text).slice(0, NAME_LENGTH);

function names(all: readonly string[]): string {
  const shown = all.slice(0, MOST_NAMED).map((each) => `\`${name(each)}\``);
  return all.length > shown.length ? `${shown.join(', ')} and ${all.length - shown.length} more` : shown.join(', ');
}

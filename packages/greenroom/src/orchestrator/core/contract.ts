import { AGENT_PRESETS, API_ACCESS, DEFAULT_CHAT_PATH, MAX_SOCKET_PATH_BYTES } from '@greenroom/sdk/wire';
import { z } from 'zod';
import { limitsSettings } from './contract-limits.ts';
import { branch, command, list, milliseconds, port, relativePath, text, urlPath, whole } from './contract-parts.ts';
import {
  ABSOLUTE_PATH,
  COMMAND,
  EMAIL_ADDRESS,
  ENV_NAME,
  ENV_VALUE,
  FINGERPRINT,
  HEADER_NAME,
  HEADER_VALUE,
  OPERATOR_ENV_NAME,
  PATH_PREFIX,
  RULE_NAME,
  USER_NAME,
} from './contract-patterns.ts';
import { routeList, routerSettings, trustedProxies } from './contract-router.ts';
import { runnerSettings } from './contract-runner.ts';
import { sandboxMode, sandboxPaths } from './contract-sandbox.ts';
import { secretsSettings } from './contract-secrets.ts';

export const DEFAULT_HEALTH_TIMEOUT_MS = 10_000;
export const DEFAULT_DRAIN_TIMEOUT_MS = 10_000;
export const DEFAULT_SETUP_TIMEOUT_MS = 600_000;
export const DEFAULT_SMOKE_TIMEOUT_MS = 60_000;
export const DEFAULT_WATCH_MS = 30_000;
export const DEFAULT_STANDBY_MS = 0;

/** Manifests and lock files whose change means that the dependencies changed. A file that the app does not have costs nothing. */
export const DEFAULT_SETUP_INPUTS: readonly string[] = [
  'package.json',
  'package-lock.json',
  'npm-shrinkwrap.json',
  '.npmrc',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'yarn.lock',
  '.yarnrc.yml',
  'bun.lock',
  'bun.lockb',
  'pyproject.toml',
  'uv.lock',
  'poetry.lock',
  'requirements.txt',
  '.python-version',
  'Gemfile',
  'Gemfile.lock',
  '.ruby-version',
  'go.mod',
  'go.sum',
];

const variable = () =>
  text(
    ENV_NAME,
    'the name of an environment variable (letters, digits, "_"), not PORT, INTERNAL_PORT, INTERNAL_SOCKET or GREENROOM…, which Greenroom sets',
  );
const reason = () =>
  text(COMMAND, 'why, not empty').max(500, { error: 'why, in at most 500 characters' }).describe('Why; shown to people.');
const secretAllow = z.union(
  [
    z.object({
      fingerprint: text(FINGERPRINT, 'the fingerprint that a refusal printed').describe('What the refusal printed for the secret.'),
      reason: reason(),
    }),
    z.object({ path: relativePath().describe('File or folder (ending in `/`) where findings do not matter.'), reason: reason() }),
  ],
  { error: 'an object with "fingerprint" or "path", and "reason"' },
);
const anyObject = (error: string) => z.record(z.string(), z.json({ error }), { error });

const healthTestPayload = z.object(
  {
    method: z
      .enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], {
        error: 'one of "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"',
      })
      .default('GET')
      .describe('Method of the request.'),
    path: urlPath('the path to request').describe('Path of the request, on the public port.'),
    headers: z
      .record(text(HEADER_NAME, 'the name of an HTTP header'), text(HEADER_VALUE, 'the value of an HTTP header: text on one line'), {
        error: 'an object of header names and values',
      })
      .default({})
      .describe('Headers of the request.'),
    body: z.json({ error: 'any JSON value' }).optional().describe('Body of the request: a string is sent as it is, anything else as JSON.'),
    expect: z
      .object(
        {
          status: z
            .union([whole(100, 599), z.array(whole(100, 599)).min(1)], { error: 'a status code from 100 to 599, or a list of them' })
            .optional()
            .describe('Status code, or list of codes, that the answer must have. Any 2xx when left out.'),
          body: z.string({ error: 'text' }).optional().describe("Text that the answer's body must contain."),
          json: anyObject('an object of fields')
            .optional()
            .describe("Fields that the answer's JSON must have, compared deeply; others may be there too."),
        },
        { error: 'an object with "status", "body" or "json"' },
      )
      .default({})
      .describe('What the answer must be.'),
  },
  { error: 'an object with at least "path"' },
);

const internalSocket = () => {
  const error = `an absolute path of at most ${MAX_SOCKET_PATH_BYTES} bytes, without ".." segments, quotes, "\\", "$", ";", "#", "{" and "}"`;
  return text(ABSOLUTE_PATH, error).refine((path) => new TextEncoder().encode(path).length <= MAX_SOCKET_PATH_BYTES, { error });
};

const secretName = () => text(OPERATOR_ENV_NAME, 'the name of a variable in secrets.env or in the environment of "greenroom start"');
const address = () => text(EMAIL_ADDRESS, 'an e-mail address such as "ops@example.com"');

export const ALERT_TARGET_TYPES = ['slack', 'discord', 'ntfy', 'webhook', 'email'] as const;

const alertTarget = z.object(
  {
    type: z
      .enum(ALERT_TARGET_TYPES, { error: 'one of "slack", "discord", "ntfy", "webhook", "email"' })
      .describe('What is there: a Slack or Discord webhook, an ntfy topic, a service that takes JSON, or a mail server.'),
    url: z
      .url({ protocol: /^(?:https?|smtps?)$/, error: 'an http:// or https:// URL, or an smtp:// or smtps:// one for e-mail' })
      .optional()
      .describe('Where to send it. App and agent can read it: name a variable in `url_env` instead when it is secret.'),
    url_env: secretName().optional().describe('Variable in `secrets.env` that holds the URL, credentials included.'),
    token_env: secretName().optional().describe('Variable that holds a token, sent as `Authorization: Bearer`. For `ntfy` and `webhook`.'),
    to: z
      .union([address(), z.array(address()).min(1)], { error: 'an e-mail address, or a list of them' })
      .optional()
      .describe('E-mail: recipient, or list of recipients.'),
    from: address().optional().describe('E-mail: sender. The first recipient when left out.'),
  },
  { error: 'an object with at least "type"' },
);

export const DEFAULT_TURN_TIMEOUT_MS = 3_600_000;

const runAs = () =>
  z
    .object(
      {
        user: text(USER_NAME, 'the name of a user').describe('User name.'),
        group: text(USER_NAME, 'the name of a group').optional().describe('Group name; without it the primary group of the user.'),
      },
      { error: 'an object with "user" and perhaps "group"' },
    )
    .optional();

const agentSettings = z.object(
  {
    command: command('the command that starts an ACP agent, for example "opencode acp"')
      .optional()
      .describe('Command that starts the agent; it speaks the Agent Client Protocol. Run without a shell.'),
    preset: z
      .enum(AGENT_PRESETS, { error: `one of ${AGENT_PRESETS.map((name) => `"${name}"`).join(', ')}` })
      .optional()
      .describe('Which known agent to use, instead of `command`. Without either, the first one that is installed.'),
    env: z
      .record(variable(), text(ENV_VALUE, 'text (put numbers and true or false in quotes)'), { error: 'an object of names and values' })
      .default({})
      .describe('Environment variables for the agent. Not for secrets.'),
    secrets: list(secretName(), 'a list of names of environment variables, without their values')
      .default([])
      .describe(
        "Names of the agent's own secrets, such as the key of its model, from `secrets.env` or the environment. The app's are never among them by themselves.",
      ),
    permissions: z
      .enum(['allow', 'ask', 'deny'], { error: '"allow", "ask" or "deny"' })
      .default('allow')
      .describe('What is answered when the agent asks whether it may use a tool: `ask` asks in the chat.'),
    sandbox: sandboxMode().describe(
      "Whether the agent works in a sandbox, where it sees the machine's software, its workspace and its home: `auto` where the machine can make one; `require` refuses to work without.",
    ),
    readable: sandboxPaths().describe('More files and folders that the agent may read in its sandbox.'),
    writable: sandboxPaths().describe('More files and folders that it may read and write there.'),
    workspace: z
      .enum(['own', 'inactive-slot'], { error: '"own" or "inactive-slot"' })
      .default('own')
      .describe(
        'Where the agent works: in a clone of its own. `inactive-slot` is refused: that slot changes with each deploy, and is the way back.',
      ),
    approval: z
      .boolean({ error: 'true or false' })
      .default(false)
      .describe("Deploys by the agent wait, healthy and with a preview, for a person's click before they go live."),
    approval_timeout_ms: milliseconds(1_000).default(3_600_000).describe('How long such a deploy waits before it is given up.'),
    chat_path: text(PATH_PREFIX, 'a path of letters, digits, ".", "_", "~" and "-", without a "/" at its end, for example "/.greenroom"')
      .default(DEFAULT_CHAT_PATH)
      .describe("Path on the app's public port that leads to the chat service, past the app."),
    authorize_endpoint: urlPath('the internal path that says who may chat')
      .optional()
      .describe(
        "Path on the app's internal port or socket that the chat service asks whether a request may chat, and whether it may approve.",
      ),
    turn_timeout_ms: milliseconds(1_000).default(DEFAULT_TURN_TIMEOUT_MS).describe('How long one turn of the agent may take.'),
    turns_per_hour: whole(0, 100_000).default(60).describe('How many turns may be begun within an hour. 0 for any number.'),
    failed_deploys_per_turn: whole(1, 1_000)
      .default(5)
      .describe('After this many refused or failed deploys in a turn the agent is told to stop and to report.'),
    keep_days: whole(0, 100_000).default(0).describe('Conversations without a word for this many days are removed. 0 keeps them.'),
    run_as: runAs().describe('User that the agent runs as, and git in its workspace; required beside `run_as` of the app.'),
    author_name: text(COMMAND, 'a name').default('Greenroom agent').describe("Author of the agent's commits."),
    author_email: address().default('agent@greenroom.invalid').describe("E-mail address of the author of the agent's commits."),
  },
  { error: 'an object of settings, { } for the defaults' },
);

/** What an app and its operator agree on. Rules between fields are in contract-rules.ts; `parseContract` applies both. */
export const contractSchema = z.object(
  {
    $schema: z.string({ error: 'text' }).optional().describe('Where the JSON Schema of this file is, for editors.'),
    start_command: command('the command that starts the app, for example "node server.js"').describe(
      'Command that starts the app in the foreground, run at the top of the release. It listens on the port in `PORT`.',
    ),
    port: port().describe("The app's stable public port, owned by the proxy. Each boot gets a fresh `PORT` of its own."),
    internal_port: port()
      .optional()
      .describe('Stable port for health and other internal routes, on 127.0.0.1 only. Leave it out when the app has one listener.'),
    internal_socket: internalSocket()
      .optional()
      .describe(
        'Stable path of a Unix socket for health and other internal routes, instead of `internal_port`. Each boot gets a fresh `INTERNAL_SOCKET` of its own to listen on.',
      ),
    api_access: z
      .enum(API_ACCESS, { error: '"all", "read" or "off"' })
      .default('all')
      .describe(
        "What the API's TCP port serves, which every user of this machine can reach: `all` that it has, `read` for questions only, or `off`. The sockets are not touched by it.",
      ),
    router: routerSettings,
    routes: routeList,
    trusted_proxies: trustedProxies,
    health_endpoint: urlPath('the path that answers 200 when the app is ready, for example "/healthz"').describe(
      'Path that answers 200 when the app is ready; asked on the internal port or socket, or on the public port when there is neither.',
    ),
    health_test_payload: healthTestPayload
      .optional()
      .describe('Deep check: a request that exercises the real app (database, templates) before a release goes live.'),
    health_timeout_ms: milliseconds(1)
      .default(DEFAULT_HEALTH_TIMEOUT_MS)
      .describe('How long a new instance may take until its health endpoint answers 200.'),
    drain_timeout_ms: milliseconds()
      .default(DEFAULT_DRAIN_TIMEOUT_MS)
      .describe('How long an old instance may take to finish its requests and exit before it is killed.'),
    schema_status_endpoint: urlPath('the path of the schema status')
      .optional()
      .describe(
        "Path that answers the database's schema version and the range that the code supports; asked where the health endpoint is, before each promotion.",
      ),
    protected_paths: list(relativePath(), 'a list of paths, for example [".env", "orchestrator/"]')
      .default([])
      .describe('Files and folders (ending in `/`) that a deploy may not change. Taken literally, without patterns.'),
    migrations_path: relativePath()
      .optional()
      .describe(
        'Folder of the database migrations, numbered files or folders. The gate keeps those that have landed from being changed, and looks at what new ones do.',
      ),
    destructive_migrations: z
      .enum(['refuse', 'warn'], { error: '"refuse" or "warn"' })
      .default('refuse')
      .describe(
        'What becomes of a new migration of the agent that the release before it cannot bear, such as a dropped column. One of a person is only pointed out.',
      ),
    secrets_inject: list(variable(), 'a list of names of environment variables, without their values')
      .default([])
      .describe(
        'Names of secrets that instances get in their environment. Their values are never in this file, but come from the providers of `secrets`.',
      ),
    secrets: secretsSettings.describe('Where secrets come from: those of instances, of the agent and of alerts. Each boot asks anew.'),
    secret_patterns: list(
      z.object(
        {
          name: text(RULE_NAME, 'a name of letters, digits, "-" and "_"').describe('Name of the rule, for refusals.'),
          pattern: text(COMMAND, 'a regular expression')
            .max(1_000, { error: 'a regular expression of at most 1000 characters' })
            .describe('JavaScript regular expression (flags `gmu`). Its first group, if it has one, is the secret.'),
        },
        { error: 'an object with "name" and "pattern"' },
      ),
      'a list of patterns, for example [{ "name": "acme-token", "pattern": "acme_[a-z0-9]{32}" }]',
    )
      .default([])
      .describe('What your own secrets look like; the gate refuses commits that hold one. Well-known kinds are found without this.'),
    secret_allow: list(secretAllow, 'a list of allowed findings, for example [{ "path": "test/fixtures/", "reason": "made-up keys" }]')
      .default([])
      .describe('Findings of the gate that are no secrets, by fingerprint or by place, each with its reason.'),
    max_deploy_size_mb: z
      .number({ error: 'a number of megabytes above 0' })
      .positive({ error: 'a number of megabytes above 0' })
      .default(500)
      .describe('Largest size of all files of a commit together, in megabytes.'),
    max_diff_lines: whole(1, Number.MAX_SAFE_INTEGER)
      .default(20_000)
      .describe('Most lines that a deploy may add and remove, compared with the live release.'),
    alert_webhook: z
      .url({ protocol: /^https?$/, error: 'an http:// or https:// URL' })
      .optional()
      .describe('URL that alerts are posted to. Slack, Discord and ntfy are known by their host; anything else gets JSON.'),
    alert_targets: list(alertTarget, 'a list of objects, for example [{ "type": "slack", "url_env": "SLACK_WEBHOOK_URL" }]')
      .default([])
      .describe(
        'More places that alerts are sent to, each an object with `type`, then `url` or `url_env`, and for e-mail `to` and `from`.',
      ),
    setup_command: command('the command that installs what the app needs, for example "npm ci"')
      .optional()
      .describe('Command that installs dependencies, run without secrets at the top of the release when one of `setup_inputs` changed.'),
    setup_inputs: list(relativePath(), 'a list of paths, for example ["package-lock.json"]')
      .default([...DEFAULT_SETUP_INPUTS])
      .describe(
        'Files whose change makes `setup_command` run again; those that do not exist do not matter. Taken literally, without patterns.',
      ),
    setup_timeout_ms: milliseconds(1).default(DEFAULT_SETUP_TIMEOUT_MS).describe('How long `setup_command` may take.'),
    smoke_test_command: command('the command that tests a new instance')
      .optional()
      .describe("Command that tests a new instance before it goes live; exit code 0 passes. The instance's address is in `GREENROOM_URL`."),
    smoke_timeout_ms: milliseconds(1).default(DEFAULT_SMOKE_TIMEOUT_MS).describe('How long `smoke_test_command` may take.'),
    shared_paths: list(relativePath(), 'a list of paths, for example ["data/"]')
      .default([])
      .describe('Files and folders (ending in `/`) that all releases share: databases, uploads. Git must ignore them.'),
    env: z
      .record(variable(), text(ENV_VALUE, 'text (put numbers and true or false in quotes)'), {
        error: 'an object of names and values, for example { "LOG_LEVEL": "info" }',
      })
      .default({})
      .describe('Environment variables for the app and its commands. Not for secrets.'),
    human_branch: branch('main').default('main').describe('The branch that people push to.'),
    agent_branch: branch('machine').default('machine').describe('The branch that the coding agent commits to.'),
    on_human_push: z
      .enum(['deploy', 'merge', 'notify'], { error: '"deploy", "merge" or "notify"' })
      .default('deploy')
      .describe(
        'What a push to the human branch does while unmerged work of the agent is live: `deploy` it as it is, deploy a clean `merge` of both, or `notify` only.',
      ),
    auto_pull_request: z
      .boolean({ error: 'true or false' })
      .default(false)
      .describe("Keep a pull request from the agent's branch to the human one open and up to date (GitHub only)."),
    push_before_promotion: z
      .boolean({ error: 'true or false' })
      .default(false)
      .describe("Push a commit of the agent's branch as soon as the gate let it pass, so that the project's CI sees it before it is live."),
    agent_deploys_per_hour: whole(0, 100_000)
      .default(60)
      .describe('How many deploys the agent may ask for within an hour. 0 for any number.'),
    watch_ms: milliseconds()
      .default(DEFAULT_WATCH_MS)
      .describe('How long a new release is watched after it went live; when it fails meanwhile it is rolled back. 0 watches nothing.'),
    standby_ms: milliseconds()
      .default(DEFAULT_STANDBY_MS)
      .describe('How long the previous instance is kept running without traffic, for an instant rollback. 0 stops it at once.'),
    reconcile_interval_ms: milliseconds(1_000).default(180_000).describe('Time between two rounds of the checks that run between deploys.'),
    max_branch_divergence: whole(1, Number.MAX_SAFE_INTEGER)
      .default(50)
      .describe("Alert when the agent's branch is this many commits away from the human branch."),
    disk_threshold_percent: z
      .number({ error: 'a number from 1 to 100' })
      .min(1, { error: 'a number from 1 to 100' })
      .max(100, { error: 'a number from 1 to 100' })
      .default(90)
      .describe('Alert when the disk is fuller than this.'),
    alert_after_failures: whole(1, Number.MAX_SAFE_INTEGER).default(3).describe('Alert after this many failed deploys in a row.'),
    run_as: runAs().describe(
      'User that instances and the smoke test run as; the orchestrator needs the right to become it. Without it they run as the orchestrator does.',
    ),
    setup_run_as: runAs().describe('User that the setup command runs as; by default the one of `run_as`.'),
    runner: runnerSettings,
    limits: limitsSettings
      .optional()
      .describe(
        'What app, setup and agent may use of the machine. A part with an object, even `{}`, gets a control group of its own where there are any.',
      ),
    agent: agentSettings.optional().describe('The coding agent and its chat. Without it there is no chat; `{}` takes every default.'),
  },
  { error: 'a JSON object, { … }' },
);

/** The operator's contract with every default filled in. Field names are those of the JSON file. */
export type Contract = z.output<typeof contractSchema>;

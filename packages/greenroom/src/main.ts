/** The orchestrator's composition root: the only file that sees every part. */
import { lchown, mkdir, rm } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import type { HandOver } from '@greenroom/sdk/chat';
import { type EventMessage, MAX_SOCKET_PATH_BYTES } from '@greenroom/sdk/wire';
import { clearStage } from './app-doctor/stage-folder.ts';
import { type Confinement, openConfinement, type Users } from './confine/confinement.ts';
import { type Limiters, openLimiters } from './confine/limiters.ts';
import { proxyDirectory, proxyName } from './home.ts';
import { holdIsolation } from './isolation/hold.ts';
import { journaldLine, writesToJournald } from './journald.ts';
import { type Connected, type OutsideOptions, openOutside } from './main/outside.ts';
import { openPeers } from './main/peers.ts';
import { createProxyTrouble } from './main/proxy-trouble.ts';
import { readySentence } from './main/ready.ts';
import { defaultPortsOf, keepRegistered, noteRefusal, portConflicts, register } from './main/registration.ts';
import { openRouter } from './main/router.ts';
import { agentBusy } from './orchestrator/adapters/agent-turn.ts';
import { readAgentTurns } from './orchestrator/adapters/agent-turns.ts';
import { createClock } from './orchestrator/adapters/clock.ts';
import { checkContainers } from './orchestrator/adapters/containers/check.ts';
import { readContract, writeContractCopy, writeHandOver } from './orchestrator/adapters/contract-file.ts';
import { writeDurably } from './orchestrator/adapters/durable.ts';
import { createGate } from './orchestrator/adapters/gate/gate.ts';
import { environmentCredentials } from './orchestrator/adapters/git/credentials.ts';
import { openRepo, RepoError } from './orchestrator/adapters/git/repo.ts';
import { readGitHubSettings } from './orchestrator/adapters/github/settings.ts';
import { readWebhookSettings } from './orchestrator/adapters/github/webhook-settings.ts';
import { createInstances } from './orchestrator/adapters/instances/instances.ts';
import { openJournal } from './orchestrator/adapters/journal/file.ts';
import { createRecorder } from './orchestrator/adapters/journal/recorder.ts';
import { replay } from './orchestrator/adapters/journal/replay.ts';
import { verifyJournal } from './orchestrator/adapters/journal/verify.ts';
import { writeLimitsReport } from './orchestrator/adapters/limits-report.ts';
import { takeLock } from './orchestrator/adapters/lock.ts';
import { readPreviewKey } from './orchestrator/adapters/preview-key.ts';
import { waitForListener } from './orchestrator/adapters/probe/health.ts';
import { createProber } from './orchestrator/adapters/probe/prober.ts';
import { createSchemaCheck } from './orchestrator/adapters/probe/schema.ts';
import { RouterError } from './orchestrator/adapters/router/router-error.ts';
import { createKnownSecrets, learning, remembering } from './orchestrator/adapters/secrets/known.ts';
import { createSecrets, remedyFor, SecretsError } from './orchestrator/adapters/secrets.ts';
import { createSlots } from './orchestrator/adapters/slots/slots.ts';
import { createStateWriter, readState } from './orchestrator/adapters/state-file.ts';
import { readTraceSettings } from './orchestrator/adapters/traces/settings.ts';
import { ListenError, type Listening, listenApi, requirePortFree } from './orchestrator/api/listen.ts';
import type { Contract } from './orchestrator/core/contract.ts';
import { reachesSockets } from './orchestrator/core/contract-router.ts';
import type { Policy } from './orchestrator/core/state.ts';
import { createTally } from './orchestrator/core/tally.ts';
import { internalSocketOf, type Layout, layoutOf, socketsOf } from './orchestrator/layout.ts';
import type { Log, LogAbout, Secrets } from './orchestrator/ports.ts';
import { createAnnouncements } from './orchestrator/runner/announcements.ts';
import type { Measured } from './orchestrator/runner/measured.ts';
import { narrate } from './orchestrator/runner/narrate.ts';
import { createPreviews } from './orchestrator/runner/preview.ts';
import { createService } from './orchestrator/runner/service.ts';
import { STREAM_DRAIN_MS } from './orchestrator/runner/work.ts';
import { createRunner } from './orchestrator/runner.ts';
import { portOwner } from './port-owner.ts';
import { ownIdentity } from './proc.ts';
import { RegistryError } from './registry/index.ts';
import type { Registration } from './registry/registration.ts';
import type { PidFile } from './registry/running.ts';
import { VERSION } from './version.ts';

export interface OrchestratorOptions {
  app: string;
  contractFile: string;
  /** Folder or URL of the operator's repository. */
  repo: string;
  data: string;
  home: string;
  /** 0 when the API is served over its sockets only. */
  apiPort: number;
  /** Log as JSON lines instead of sentences. */
  json: boolean;
  /** Leave the app running when a SIGTERM or Ctrl-C comes. */
  detachAppOnStop: boolean;
}

/** What a machine of one user cannot give. */
const NOT_ISOLATED =
  'Not isolated: app, setup and agent run as this user, and can read and write what it can; "greenroom isolate" gives them users of their own.';

/** How long an orchestrator that could not start may take to end by itself. */
const GIVE_UP_MS = 2_000;

/** What keeps the orchestrator from starting, as sentences for the operator. */
class StartError extends Error {
  readonly sentences: string[];

  constructor(sentences: string[]) {
    super(sentences.join('\n'));
    this.sentences = sentences;
  }
}

/** Runs the orchestrator of one app in this process until it is told to stop. Answers the exit code: 0, or 1 when it could not start. */
export async function startOrchestrator(options: OrchestratorOptions): Promise<number> {
  const say = createVoice(options);
  // Whatever the shell had: nobody else may write what the app is made of, and its owner may use it.
  process.umask((process.umask() | 0o002) & ~0o700);
  try {
    await run(options, say);
    return 0;
  } catch (error) {
    // Whatever is still open must not keep alive what no longer holds the lock.
    setTimeout(() => process.exit(1), GIVE_UP_MS).unref();
    const sentences = expectedSentences(error);
    if (!sentences) throw error;
    for (const sentence of sentences) complain(options, sentence);
    return 1;
  }
}

async function run(asked: OrchestratorOptions, say: Log): Promise<void> {
  const stopAsked = listenForStop(asked.detachAppOnStop);
  const read = await readContract(asked.contractFile);
  if (!read.ok) {
    await noteRefusal(asked, null, read.sentences.join(' '), say);
    throw new StartError(read.sentences);
  }
  const { contract } = read;
  const options = contract.api_access === 'off' ? { ...asked, apiPort: 0 } : asked;
  for (const note of read.notes) say(note);
  const noted = async (error: Error): Promise<never> => {
    await noteRefusal(options, contract, expectedSentences(error)?.join(' ') ?? error.message, say);
    throw error;
  };

  const confinement = await requireConfinement(contract).catch(noted);
  // What the orchestrator of an isolated app makes is for nobody else, unless it says so.
  if (confinement.users) process.umask(0o077);
  else say(NOT_ISOLATED);
  const layout = layoutOf(options.data);
  requireShortPaths(layout, contract);
  for (const folder of [layout.data, layout.run, layout.logs, layout.shared, layout.instances]) await mkdir(folder, { recursive: true });
  const lock = takeLock(layout.lock);
  if (!lock)
    throw new StartError([`Another orchestrator is at work on ${layout.data}: "greenroom status --data ${layout.data}" shows it.`]);
  try {
    if (confinement.users) await requireIsolation(options, contract, confinement.users, layout, say).catch(noted);
    await requireOwnPorts(options, contract, say).catch(noted);
    // Not earlier: of what was refused until here only the reason is to be remembered.
    const registration = await register(options, contract, layout, say);
    await clearStage(layout);
    try {
      await requireContainers(options.app, layout, contract, say);
      await writePidFile(layout, options.apiPort);
      await writeContractCopy(layout, read.text);
      await writeHandOver(layout, handOverOf(options.app, contract, layout));
      await serve(options, say, layout, contract, confinement, stopAsked, registration);
    } catch (error) {
      await registration.fail(expectedSentences(error)?.join(' ') ?? 'of an internal error; its log says more');
      throw error;
    }
  } finally {
    await rm(layout.pidFile, { force: true });
    lock.release();
  }
}

async function requireConfinement(contract: Contract): Promise<Confinement> {
  const confinement = await openConfinement(contract, process.env);
  if ('sentences' in confinement) throw new StartError(confinement.sentences);
  return confinement;
}

/** Fetches the image when it is not there: no deploy waits for that, and none fails for a registry. */
async function requireContainers(app: string, layout: Layout, contract: Contract, say: Log): Promise<void> {
  if (contract.runner.kind !== 'container') return;
  const problem = await checkContainers({ app, layout, contract, pull: say });
  if (problem) throw new StartError([`runner: ${problem.says}. ${problem.remedy}`]);
}

function limitersOf({ limits, run_as, setup_run_as }: Contract, key: string): Limiters {
  const ownUser = [...(run_as ? (['app'] as const) : []), ...(setup_run_as ? (['setup'] as const) : [])];
  // Who may write both slots must not run on after its setup: a group finds what cut every tie, whether or not anything is bounded.
  const rules = run_as ? { ...limits, setup: limits?.setup ?? {} } : limits;
  return openLimiters({ rules, key, env: process.env, ownUser });
}

async function requireIsolation(
  { app, contractFile }: OrchestratorOptions,
  contract: Contract,
  users: Users,
  layout: Layout,
  say: Log,
): Promise<void> {
  const sentences = await holdIsolation({ app, layout, users, contractFile, foreignProxy: reachesSockets(contract) }, say);
  if (sentences.length > 0) throw new StartError(sentences);
}

async function requireOwnPorts(options: OrchestratorOptions, contract: Contract, say: Log): Promise<void> {
  requireOwnApiPort(options.apiPort, contract);
  const conflicts = await portConflicts(options, contract);
  if (conflicts.now.length > 0) throw new StartError(conflicts.now);
  for (const conflict of conflicts.later) say(conflict);
  await requirePortFree(options.apiPort, portOwner);
}

/** What is known from the start on is hidden from the start on. A provider that is down keeps nobody from being served. */
async function askForSecrets(secrets: Secrets, contract: Contract, layout: Layout, log: Log): Promise<void> {
  try {
    const { missing } = await secrets.read([...new Set([...contract.secrets_inject, ...(contract.agent?.secrets ?? [])])]);
    const lacking = missing.filter((name) => contract.secrets_inject.includes(name));
    if (lacking.length > 0) log(`Not set: ${lacking.join(', ')}. ${remedyFor(contract, layout)}`);
  } catch (error) {
    if (!(error instanceof SecretsError) || error.unsafe) throw error;
    log(`${error.message} What runs goes on; deploys and restarts fail until it answers.`, { level: 'error' });
  }
}

async function serve(
  options: OrchestratorOptions,
  say: Log,
  layout: Layout,
  contract: Contract,
  confinement: Confinement,
  stopAsked: Promise<StopAsked>,
  registration: Registration,
): Promise<void> {
  const { app } = options;
  const known = createKnownSecrets();
  const log: Log = (message, about) => say(known.masker().whole(message), about);
  // Beside what takes longer.
  const peersOpening = openPeers(confinement.users?.agent?.uid, log);
  const clock = createClock();
  const secrets = learning(createSecrets({ layout, contract }), known);
  const shown = remembering(secrets, known);
  await askForSecrets(secrets, contract, layout, log);

  const forge = await readForge(options.repo, app, log);
  const repo = await openRepo({
    layout,
    remote: options.repo,
    humanBranch: contract.human_branch,
    agentBranch: contract.agent_branch,
    log,
    credentials: async () => (await forge.github?.gitCredentials()) ?? (await environmentCredentials(options.repo)()),
  });
  const limiters = limitersOf(contract, proxyName(app, layout.data));
  if (limiters.gaps !== '') log(limiters.gaps, { level: 'warn' });
  await writeLimitsReport(layout.limitsReport, contract.limits ? { place: limiters.place, gaps: limiters.gaps } : null);
  const slots = await createSlots({
    app,
    layout,
    git: repo.git,
    contract,
    confinement,
    log,
    limiter: limiters.setup,
    masker: known.masker,
  });
  const slotDirectory = slots.directory;
  const bounded = { ...confinement.app, limiter: limiters.app };
  const instances = createInstances({ layout, app, contract, slotDirectory, secrets, known, clock, log, ...bounded });
  const schemaCheck = createSchemaCheck(contract);
  const prober = createProber({ app, layout, contract, instances, slotDirectory, schemaCheck, ...bounded });
  const gate = createGate({ git: repo.git, contract });
  const proxyTrouble = createProxyTrouble();
  const proxy = { app: proxyName(app, layout.data), proxyDir: proxyDirectory(options.home), onTrouble: proxyTrouble.tell };
  const router = openRouter({ ...proxy, contract, layout, log });

  const saved = await readState(layout.state);
  const journal = await openJournal(layout.journal, saved?.journal ?? null, clock.now);
  const damage = await describeDamage(layout, journal.content.problems.length > 0 || (saved?.journal.seq ?? 0) > journal.content.head.seq);
  if (damage)
    say(`The journal is damaged: ${damage}. Nothing of what is live depends on it; "greenroom log --verify" lists every problem.`);
  // No other proxy shows an instance that is not live.
  const chatPath = contract.router.kind === 'embedded' ? (contract.agent?.chat_path ?? '') : '';
  const previews = createPreviews({ key: await readPreviewKey(layout.previewKey), chatPath });
  const announcements = createAnnouncements();
  const announce = (it: EventMessage): void => announcements.add({ ...it, attempts: it.attempts.map(previews.show) });
  const tally = createTally();
  const replayed = replay(journal.content.records, saved, { tally, announce });
  const recorder = createRecorder(journal, createStateWriter(layout.state, log), log);
  const journalProblem = (): string => damage;
  const ports = { clock, instances, prober, router, schemaCheck, secrets: shown, slots };
  const outside = await openOutside({ app, contract, layout, repo, ...forge, ports, journalProblem, log });
  const { pushGated, pushPromoted } = outside;
  const findHost = (port: number): Promise<string> => waitForListener(port, 1_000, new AbortController().signal);
  const runner = createRunner({
    ports: {
      repo,
      gate,
      slots,
      instances,
      prober,
      schemaCheck,
      router,
      clock,
      drainTimeoutMs: contract.drain_timeout_ms,
      previewToken: previews.token,
      findHost,
      pushGated,
      pushPromoted,
    },
    journal: recorder,
    ...replayed,
    policy: contractPolicy(contract),
    hide: (text) => known.masker().whole(text),
    log,
    debug: (message) => process.env['GREENROOM_DEBUG'] && say(message),
  });
  runner.subscribe(tally.take);
  const closeTraces = await traceAttempts();
  runner.subscribe(({ seq, time, type, attempts }) => announce({ seq, time, type, attempts }));
  runner.subscribe((it) => {
    for (const { message, about } of narrate(it, runner.state())) say(message, about);
  });
  await router.register();
  let running = false;
  const { connected, api, unwatch } = await begin().catch(async (error: unknown) => {
    await giveUp();
    throw error;
  });
  say(readySentence(options, contract, runner.state().live, await defaultPortsOf(contract)));
  // Node writes its compile cache on a clean exit only, and this runs for months: the next start, of any app, takes half the processor time.
  flushCompileCache();

  const asked = await stopAsked;
  say(asked.detach ? 'Stopping; the app stays up.' : 'Stopping: no new deploys, draining the app.');
  unwatch();
  await connected.close();
  await runner.settle(asked.detach);
  if (!asked.detach) await stopApp();
  // Closed first: a request that came after `stopped` would be taken, and then dropped.
  await api.close();
  await runner.dispatch({ type: 'stopped', detach: asked.detach });
  await closeTraces();
  await recorder.close();
  instances.close();
  router.close();
  await registration.end(asked.detach ? 'detached' : 'stopped');
  say('Stopped.');

  async function begin(): Promise<{ connected: Connected; api: Listening; unwatch(): void }> {
    outside.watch(runner);
    await runner.start();
    running = true;
    const service = createService({
      app,
      version: VERSION,
      port: contract.port,
      router: contract.router.kind,
      apiAccess: contract.api_access,
      humanBranch: contract.human_branch,
      ports: { repo, slots, instances, prober, schemaCheck, clock },
      runner,
      previews,
      journal: () => ({ records: journal.head().seq, intact: damage === '', problem: damage }),
      forge: outside.forge,
      agentBusy: () => agentBusy(layout),
      hide: (text) => known.masker().whole(text),
    });
    const measured: Measured = {
      ...outside.measures,
      tally,
      agentTurns: () => readAgentTurns(layout.agentTurns),
      traffic: async () => (await router.traffic?.()) ?? null,
      commitOf: (instance) => instances.recall(instance)?.commit ?? '',
    };
    const connected = await outside.connect(runner, service);
    const { reconcile, pullRequest } = connected;
    proxyTrouble.follow(runner, () => {
      reconcile(false).catch((error: Error) => log(`the lost proxy could not be looked at: ${error.message}`, { level: 'error' }));
    });
    const api = await listenApi(
      {
        app,
        version: VERSION,
        service,
        announcements,
        measured,
        peers: await peersOpening,
        access: contract.api_access,
        log,
        reconcile,
        pullRequest,
      },
      { port: options.apiPort, operatorSocket: layout.operatorSocket, agentSocket: layout.agentSocket, agentDoor: layout.agentDoor },
    ).catch(async (error: unknown) => {
      await connected.close();
      throw error;
    });
    // Until then nobody but the orchestrator itself can open it.
    if (confinement.users?.agent) await lchown(layout.agentSocket, process.getuid?.() ?? 0, confinement.users.agent.gid);
    return { connected, api, unwatch: keepRegistered(registration, runner, service) };
  }

  /** A start that cannot be finished leaves what serves running, for the next one to adopt, and nothing else. */
  async function giveUp(): Promise<void> {
    if (running) await runner.settle(true);
    await closeTraces();
    if (runner.state().live?.instance == null) await router.deregister();
    router.close();
    instances.close();
    await recorder.close();
  }

  /** Loaded only where a collector is named. */
  async function traceAttempts(): Promise<() => Promise<void>> {
    const { settings, problem } = readTraceSettings(process.env);
    if (problem) log(problem, { level: 'warn' });
    if (!settings) return async () => undefined;
    const { openTraces } = await import('./main/traces.ts');
    return openTraces({ app, version: VERSION, settings, contract, runner, secrets: shown, clock, log });
  }

  async function stopApp(): Promise<void> {
    const { live } = runner.state();
    await router.switchTo(null);
    if (live?.instance) {
      const streamTimeoutMs = Math.min(STREAM_DRAIN_MS, contract.drain_timeout_ms);
      await router.drain(live.instance, { timeoutMs: contract.drain_timeout_ms, streamTimeoutMs, signal: new AbortController().signal });
    }
    await Promise.all(instances.all().map((it) => instances.stop(it.instance, contract.drain_timeout_ms)));
    await router.deregister();
  }
}

interface StopAsked {
  detach: boolean;
}

const contractPolicy = ({ standby_ms, watch_ms, agent_deploys_per_hour, agent }: Contract): Policy => ({
  standby_ms,
  watch_ms,
  agent_deploys_per_hour,
  ...(agent?.approval ? { approval_timeout_ms: agent.approval_timeout_ms } : {}),
});

/** What the orchestrator's own environment says of GitHub and webhooks; what is wrong with it keeps the orchestrator from starting. */
async function readForge(remote: string, app: string, log: (message: string) => void): Promise<Pick<OutsideOptions, 'github' | 'webhook'>> {
  const github = await readGitHubSettings(process.env, remote);
  const webhook = await readWebhookSettings(process.env, remote);
  if (!github.ok) throw new StartError(github.sentences);
  if (!webhook.ok) throw new StartError(webhook.sentences);
  if (github.note) log(github.note);
  if (!github.settings) return { github: null, webhook: webhook.settings };
  // Loaded only where it is wanted: the client costs more memory than the rest of the orchestrator.
  const { createGitHub } = await import('./orchestrator/adapters/github/github.ts');
  return { github: createGitHub({ settings: github.settings, app, version: VERSION, log }), webhook: webhook.settings };
}

/** SIGTERM and Ctrl-C stop the app too; SIGUSR2 and a terminal that goes away leave it running. Listened for from the first moment, so that a stop during start-up is not lost. */
function listenForStop(detachAppOnStop: boolean): Promise<StopAsked> {
  const { promise, resolve } = Promise.withResolvers<StopAsked>();
  process.on('SIGTERM', () => resolve({ detach: detachAppOnStop }));
  process.on('SIGINT', () => resolve({ detach: detachAppOnStop }));
  process.on('SIGHUP', () => resolve({ detach: true }));
  process.on('SIGUSR2', () => resolve({ detach: true }));
  return promise;
}

/** The proxy would take the port from under the API: nothing is in the way of either before both are there. */
function requireOwnApiPort(apiPort: number, contract: Contract): void {
  for (const field of ['port', 'internal_port'] as const) {
    if (contract[field] !== apiPort) continue;
    throw new StartError([`Port ${apiPort} is the app's own, "${field}" in its contract: choose another for the API with --port.`]);
  }
}

/** As long as the id of an instance gets. */
const LONGEST_INSTANCE_ID = 'yymmddThhmmss-123456-1234';

function requireShortPaths(layout: Layout, { router, internal_socket }: Contract): void {
  const sockets = [
    layout.operatorSocket,
    ...(reachesSockets({ router }) ? [socketsOf(layout, LONGEST_INSTANCE_ID).internal] : []),
    ...(internal_socket === undefined ? [] : [internalSocketOf(layout, LONGEST_INSTANCE_ID)]),
  ];
  const longest = sockets.reduce((one, other) => (Buffer.byteLength(other) > Buffer.byteLength(one) ? other : one));
  const bytes = Buffer.byteLength(longest);
  if (bytes <= MAX_SOCKET_PATH_BYTES) return;
  throw new StartError([
    `The data directory's path is too long for its sockets: ${longest} has ${bytes} bytes, at most ${MAX_SOCKET_PATH_BYTES} are possible. Choose a shorter --data.`,
  ]);
}

async function describeDamage(layout: Layout, damaged: boolean): Promise<string> {
  if (!damaged) return '';
  const { problems } = await verifyJournal(layout);
  const [first] = problems;
  return first ? `line ${first.line} ${first.problem}${problems.length > 1 ? `, and ${problems.length - 1} more` : ''}` : '';
}

/** What the app is told of its agent; null while the contract has none. */
function handOverOf(app: string, { agent }: Contract, { data, chatAppSocket }: Layout): string | null {
  if (!agent) return null;
  const cli = join(import.meta.dirname, 'cli', import.meta.filename.endsWith('.ts') ? 'main.ts' : 'main.js');
  const command = [process.execPath, cli];
  const handOver: HandOver = { version: 1, command, data, app, chat_path: agent.chat_path, chat_socket: chatAppSocket };
  return `${JSON.stringify(handOver, null, 2)}\n`;
}

async function writePidFile(layout: Layout, apiPort: number): Promise<void> {
  const record: PidFile = { ...ownIdentity(), api_port: apiPort };
  await writeDurably(layout.pidFile, `${JSON.stringify(record)}\n`, 0o644);
}

/** What the orchestrator says goes to stdout; nothing of the app's own output. */
function createVoice({ json, app }: OrchestratorOptions): Log {
  const inJournald = writesToJournald(1);
  return (message, about) => {
    if (inJournald && !json) {
      process.stdout.write(journaldLine(message, about?.level));
      return;
    }
    const time = new Date().toISOString();
    process.stdout.write(json ? jsonLine(time, app, message, about) : `${time.slice(11, 19)} ${message}\n`);
  };
}

/** What keeps it from starting goes to stderr. */
function complain({ json, app }: OrchestratorOptions, sentence: string): void {
  const line = writesToJournald(2) ? journaldLine(sentence, 'error') : `${sentence}\n`;
  process.stderr.write(json ? jsonLine(new Date().toISOString(), app, sentence, { level: 'error' }) : line);
}

function jsonLine(time: string, app: string, message: string, { level = 'info', ...about }: LogAbout = {}): string {
  return `${JSON.stringify({ time, level, app, message, ...about })}\n`;
}

function expectedSentences(error: unknown): string[] | null {
  if (error instanceof StartError) return error.sentences;
  if (error instanceof RepoError || error instanceof RouterError || error instanceof SecretsError) return [error.message];
  if (error instanceof ListenError || error instanceof RegistryError) return [error.message];
  // The system's own refusals (no space, no permission, read-only) name the path; they are no bugs.
  if (error instanceof Error && 'syscall' in error) return [error.message];
  return null;
}

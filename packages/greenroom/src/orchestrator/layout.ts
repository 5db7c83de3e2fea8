import { join } from 'node:path';
import type { SlotName } from '@greenroom/sdk/wire';

/** Where everything of one app lies, below its data directory. Absolute paths. */
export interface Layout {
  data: string;
  repo: string;
  slot(slot: SlotName): string;
  workspace: string;
  shared: string;
  contract: string;
  journal: string;
  state: string;
  logs: string;
  /** What an orchestrator says that was started in the background. */
  orchestratorLog: string;
  run: string;
  instances: string;
  operatorSocket: string;
  agentSocket: string;
  /** Second name of the agent's socket, in a folder that a sandbox can show whole. */
  agentDoor: string;
  lock: string;
  pidFile: string;
  /** The read-only copy of the contract that app and agent get. */
  contractCopy: string;
  /** `app.json`: name, repository, contract and API port of the app, for commands that find it by its folder. */
  app: string;
  /** Operator's file of secrets, `NAME=value` lines, mode 0600. */
  secrets: string;
  /** Transcripts of the coding agent, and what its runners keep. */
  agent: string;
  transcript: string;
  /** Names the runner of the agent's turn, while there is one. */
  agentTurn: string;
  /** How many turns of the agent ended how, and how long they took. */
  agentTurns: string;
  /** What the agent's last turn leaves for the reconcile loop. */
  agentReport: string;
  /** `run/limits.json`: how the machine holds the contract's limits, as the orchestrator found at its start. */
  limitsReport: string;
  /** The chat service, for the proxy: every caller has to prove itself. */
  chatSocket: string;
  /** The chat service, for the app's own chat mount, which names its callers. */
  chatAppSocket: string;
  /** Key of the paths that show a deploy before it is approved; mode 0600. */
  previewKey: string;
  /** Sockets that instances listen on, where the proxy reaches them so: `socketsOf`. */
  sockets: string;
  /** Sockets for the internal routes of instances, in place of internal ports: `internalSocketOf`. */
  internalSockets: string;
  /** Where the contract may have its stable internal socket inside the data directory. */
  internalSocket: string;
  /** Where such a proxy sends requests: links to sockets of the live instance, absent while nothing is live. */
  liveSockets: InstanceSockets;
  /** The live instance's ports, where the proxy's configuration names them. */
  savedRoute: string;
  /** Where "greenroom doctor --app" tries the app: nothing of it stays. */
  doctor: string;
  /** How the app finds the agent: a `HandOver` of `@greenroom/sdk/agent`, beside the contract's copy. */
  handOver: string;
}

/** One socket each for requests, for streams (WebSockets and event streams), and for what comes to the internal port. */
export interface InstanceSockets {
  requests: string;
  streams: string;
  internal: string;
}

/** Where an instance listens when its proxy reaches it by sockets. Only `requests` is there for certain. */
export function socketsOf({ sockets }: Pick<Layout, 'sockets'>, instance: string): InstanceSockets {
  const named = (suffix: string): string => join(sockets, `${instance}.${suffix}`);
  return { requests: named('sock'), streams: named('streams'), internal: named('internal') };
}

/** Where an instance listens for its internal routes, when the contract has an `internal_socket`. */
export function internalSocketOf({ internalSockets }: Pick<Layout, 'internalSockets'>, instance: string): string {
  return join(internalSockets, `${instance}.sock`);
}

export function layoutOf(data: string): Layout {
  const at = (...parts: string[]): string => join(data, ...parts);
  return {
    data,
    repo: at('repo.git'),
    slot: (slot) => at(`deploy-${slot}`),
    workspace: at('workspace'),
    shared: at('shared'),
    contract: at('app.contract.json'),
    journal: at('journal.jsonl'),
    state: at('state.json'),
    logs: at('logs'),
    orchestratorLog: at('orchestrator.log'),
    run: at('run'),
    instances: at('run', 'instances'),
    operatorSocket: at('run', 'operator.sock'),
    agentSocket: at('run', 'agent.sock'),
    agentDoor: at('run', 'agent', 'agent.sock'),
    lock: at('run', 'lock'),
    pidFile: at('run', 'orchestrator.json'),
    contractCopy: at('run', 'contract', 'app.contract.json'),
    app: at('app.json'),
    secrets: at('secrets.env'),
    agent: at('agent'),
    transcript: at('agent', 'transcript.db'),
    agentTurn: at('run', 'agent-turn.json'),
    agentTurns: at('agent', 'turns.json'),
    agentReport: at('run', 'agent-report.json'),
    limitsReport: at('run', 'limits.json'),
    chatSocket: at('run', 'chat.sock'),
    chatAppSocket: at('run', 'chat-app.sock'),
    previewKey: at('run', 'preview.key'),
    sockets: at('run', 'sockets'),
    internalSockets: at('run', 'internal'),
    internalSocket: at('run', 'internal.sock'),
    liveSockets: { requests: at('run', 'live.sock'), streams: at('run', 'live-streams.sock'), internal: at('run', 'live-internal.sock') },
    savedRoute: at('run', 'route.json'),
    doctor: at('doctor'),
    handOver: at('run', 'contract', 'greenroom.json'),
  };
}

import { CONTRACT_SCHEMA_FILE } from '../orchestrator/core/contract-schema.ts';
import type { Detection } from './types.ts';

/** A build takes its time before the app can answer. */
const BUILD_HEALTH_TIMEOUT_MS = 120_000;

/** What the operator knows better than the detection. */
export interface InitialOptions {
  port?: number;
  startCommand?: string;
  healthEndpoint?: string;
}

export interface InitialContract {
  /** In the order in which it is to be read. `start_command` is empty when it is not known: the contract is then refused until it is filled in. */
  contract: Record<string, unknown>;
  /** Sentences about what could not be known and what to do. */
  unknowns: string[];
  /** Sentences about why the contract says what it says. */
  explanations: string[];
}

/** The first contract of an app: what differs from the defaults, and nothing else. */
export function initialContract(detection: Detection, options: InitialOptions = {}): InitialContract {
  const port = options.port ?? detection.port;
  const internalPort = detection.internalPort === port ? port + 1 : detection.internalPort;
  const given = [
    ...(options.startCommand === undefined ? [] : ['start_command']),
    ...(options.healthEndpoint === undefined ? [] : ['health_endpoint']),
    ...(options.startCommand?.includes('$PORT') ? ['PORT'] : []),
  ];
  const contract = {
    $schema: `./${CONTRACT_SCHEMA_FILE}`,
    start_command: options.startCommand ?? detection.startCommand,
    port,
    ...(internalPort === 0 ? {} : { internal_port: internalPort }),
    health_endpoint: options.healthEndpoint ?? (detection.healthEndpoint || '/'),
    ...(detection.builds && options.startCommand === undefined ? { health_timeout_ms: BUILD_HEALTH_TIMEOUT_MS } : {}),
    ...(detection.setupCommand === '' ? {} : { setup_command: detection.setupCommand, setup_inputs: detection.setupInputs }),
    ...(detection.sharedPaths.length === 0 ? {} : { shared_paths: detection.sharedPaths }),
    ...(detection.secrets.length === 0 ? {} : { secrets_inject: detection.secrets }),
    ...(Object.keys(detection.env).length === 0 ? {} : { env: detection.env }),
    ...(detection.humanBranch === 'main' ? {} : { human_branch: detection.humanBranch }),
  };
  const explanations = detection.explanations.filter((text) => !given.some((field) => text.startsWith(field)));
  return { contract, unknowns: detection.unknowns.filter(({ field }) => !given.includes(field)).map(({ text }) => text), explanations };
}

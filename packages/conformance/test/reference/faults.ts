/**
 * Deliberate violations, one requirement each. `also` names requirements that cannot hold either when the first is violated in that way.
 */
export const FAULTS = {
  'ready-before-recovery': { breaks: 'START-1' },
  'no-lock': { breaks: 'START-2' },
  'accept-any-contract': { breaks: 'START-3' },
  'ignore-taken-port': { breaks: 'START-4' },
  'ports-per-slot': { breaks: 'PORT-2' },
  'answer-before-switch': { breaks: 'PORT-1' },
  'public-to-internal': { breaks: 'PORT-3' },
  'internal-to-public': { breaks: 'PORT-4' },
  'internal-on-all-interfaces': { breaks: 'PORT-5' },
  'health-on-both': { breaks: 'PORT-6' },
  'internal-port-always': { breaks: 'PORT-7' },
  'timeouts-required': { breaks: 'CONTRACT-1' },
  'strict-contract': { breaks: 'CONTRACT-2' },
  'leak-environment': { breaks: 'CONTRACT-3' },
  'no-secrets': { breaks: 'CONTRACT-4' },
  'no-path': { breaks: 'CONTRACT-5' },
  'contract-from-commit': { breaks: 'CONTRACT-6' },
  'no-previous-commit': { breaks: 'DEPLOY-1' },
  'one-slot-name': { breaks: 'DEPLOY-2' },
  'branch-is-main': { breaks: 'DEPLOY-3' },
  'no-clean-checkout': { breaks: 'DEPLOY-4' },
  'full-ids-only': { breaks: 'DEPLOY-5' },
  'vague-code': { breaks: 'DEPLOY-6' },
  'unknown-commit-unroutes': { breaks: 'DEPLOY-6' },
  'no-step': { breaks: 'DEPLOY-7' },
  'promote-before-probe': { breaks: 'DEPLOY-8' },
  'leave-candidate': { breaks: 'DEPLOY-9' },
  'wait-out-timeout': { breaks: 'DEPLOY-10' },
  'deep-result-ignored': { breaks: 'DEPLOY-11' },
  'deep-always-get': { breaks: 'DEPLOY-12' },
  'no-mutex': { breaks: 'DEPLOY-13' },
  'stop-before-switch': { breaks: 'DEPLOY-14' },
  'rollback-always-succeeds': { breaks: 'ROLLBACK-1' },
  'rollback-reboots-live': { breaks: 'ROLLBACK-2' },
  'rollback-once': { breaks: 'ROLLBACK-3' },
  'rollback-stops-first': { breaks: 'ROLLBACK-4' },
  'rollback-unprobed': { breaks: 'ROLLBACK-5' },
  'no-drain': { breaks: 'RETIRE-1' },
  'never-retire': { breaks: 'RETIRE-2' },
  'kill-at-once': { breaks: 'RETIRE-3' },
  'never-kill': { breaks: 'RETIRE-4' },
  'leader-only': { breaks: 'RETIRE-5' },
  'drain-forever': { breaks: 'RETIRE-6' },
  'answer-after-drain': { breaks: 'RETIRE-7' },
  'status-null': { breaks: 'STATUS-1' },
  'status-without-previous': { breaks: 'STATUS-2' },
  'time-in-seconds': { breaks: 'STATUS-3' },
  'healthy-is-running': { breaks: 'STATUS-4' },
  'no-retry-after': { breaks: 'DOWN-1' },
  'always-healthy': { breaks: 'CRASH-1' },
  'no-restart': { breaks: 'CRASH-2' },
  'bad-gateway': { breaks: 'CRASH-3' },
  'no-back-off': { breaks: 'CRASH-4' },
  'busy-while-restarting': { breaks: 'CRASH-5' },
  'proxy-dies-with-orchestrator': { breaks: 'RECOVER-1' },
  'reboot-on-recovery': { breaks: 'RECOVER-2' },
  'forget-previous-on-recovery': { breaks: 'RECOVER-3' },
  'keep-candidate': { breaks: 'RECOVER-4' },
  'keep-retiring': { breaks: 'RECOVER-5' },
  'forget-on-stop': { breaks: 'RECOVER-6' },
  'no-boot-after-power-off': { breaks: 'RECOVER-7' },
  'stop-exit-code': { breaks: 'STOP-1' },
  'stop-leaves-proxy': { breaks: 'STOP-1', also: ['STOP-2'] },
  'stop-leader-only': { breaks: 'STOP-2' },
  'api-on-all-interfaces': { breaks: 'API-1' },
  'any-host': { breaks: 'API-2' },
  'any-origin': { breaks: 'API-3' },
  'names-unchecked': { breaks: 'API-4' },
  'loose-body': { breaks: 'API-5' },
  'catch-all-route': { breaks: 'API-6' },
  'no-body-limit': { breaks: 'API-7' },
  'text-errors': { breaks: 'API-8' },
  'journal-oldest-first': { breaks: 'JOURNAL-1' },
  'journal-successes-only': { breaks: 'JOURNAL-1', also: ['JOURNAL-2', 'JOURNAL-3', 'JOURNAL-4'] },
  'no-reason': { breaks: 'JOURNAL-2' },
  'no-steps': { breaks: 'JOURNAL-3' },
  'journal-in-memory': { breaks: 'JOURNAL-4' },
  'smoke-ignored': { breaks: 'SMOKE-1' },
  'dry-run-deploys': { breaks: 'DRYRUN-1' },
  'no-watch': { breaks: 'WATCH-1' },
} satisfies Record<string, { breaks: string; also?: string[] }>;

export type Fault = keyof typeof FAULTS;

/** The variant that this process is, from `--fault NAME`. */
export function chosenFault(args: readonly string[]): string {
  const at = args.indexOf('--fault');
  const name = at < 0 ? '' : (args[at + 1] ?? '');
  if (name !== '' && !(name in FAULTS)) throw new Error(`unknown fault "${name}"`);
  return name;
}

const chosen = chosenFault(process.argv);

export const faulty = (name: Fault): boolean => chosen === name;

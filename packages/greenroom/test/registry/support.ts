import type { LastKnown } from '../../src/registry/index.ts';

export const TIME = '2026-01-01T00:00:00.000Z';

export function lastKnown(changes: Partial<LastKnown> = {}): LastKnown {
  return {
    state: 'live',
    live_commit: '',
    time: TIME,
    problem: '',
    orchestrator: null,
    operator_socket: '',
    port: 3000,
    route_ports: [],
    addresses: ['http://localhost:3000/'],
    version: '0.1.0',
    ...changes,
  };
}

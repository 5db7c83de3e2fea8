import type { Failure } from '@greenroom/sdk/wire';
import type { Contract } from '../orchestrator/core/contract.ts';
import { type AppFinding, fine } from './finding.ts';

/** Kinds of URL behind which is a service that the app needs; others, as `https:` and `file:`, are its own address or its own data. */
const SERVICES = /^(postgres(ql)?|mysql|mariadb|mongodb|rediss?|valkeys?|amqps?|nats|mssql|sqlserver|clickhouse|memcached?)(\+[a-z]+)?:$/;
const PART = /^(DATABASE|DB|PG|POSTGRES|POSTGRESQL|MYSQL|MARIADB|REDIS|MONGO|MONGODB)_?(HOST|PORT)$/;
const KIND = /^([a-z][a-z0-9+.-]*:)\/\//i;
const HOST = '127.0.0.1';

/** The variables that say where the app's services are, each with a value that leads nowhere: a port of this machine on which nothing listens. */
export function cutOff(variables: Readonly<Record<string, string>>, named: readonly string[], deadPort: number): Record<string, string> {
  const cut: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables)) {
    const part = PART.exec(name)?.[2];
    const kind = KIND.exec(value)?.[1];
    if (kind !== undefined && (SERVICES.test(kind) || named.includes(name))) cut[name] = elsewhere(value, deadPort);
    else if (part !== undefined) cut[name] = part === 'HOST' ? HOST : String(deadPort);
    else if (named.includes(name)) cut[name] = `${HOST}:${deadPort}`;
  }
  return cut;
}

/** Written by hand: `URL` keeps the host of kinds that it does not know, and does not know URLs of Unix sockets (`?host=/run/postgresql`). */
function elsewhere(value: string, port: number): string {
  return value
    .replace(/^([^:]+:\/\/(?:[^@/?#]*@)?)[^/?#]*/, (_all, start: string) => `${start}${HOST}:${port}`)
    .replace(/([?&])host=[^&#]*&?/, '$1');
}

/** What an instance without its services shows: `failure` is why it was refused, none when it was taken for healthy. */
export function judgeDependencies(cut: readonly string[], failure: Failure | undefined, contract: Contract): AppFinding {
  const check = 'health';
  const names = cut.join(', ');
  if (failure) return fine(check, `without ${names} the app is not taken for healthy (${failure.code})`);
  const asked = [contract.health_endpoint, ...(contract.health_test_payload ? [contract.health_test_payload.path] : [])].join(' and ');
  return {
    check,
    level: 'warn',
    says: `the app is taken for healthy without what it needs: ${names} led nowhere, and ${asked} answered as always`,
    evidence: ['a release that cannot reach its database would go live'],
    remedy: `Let the health endpoint make one cheap query of each service, with a time limit, and answer 503 when one fails ("health" of serveHttp and its like of @greenroom/sdk/app); or ask such a page with "health_test_payload" of the contract.`,
  };
}

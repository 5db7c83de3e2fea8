import { exchange, jsonOf } from '../../src/harness/http.ts';
import { faulty } from './faults.ts';
import type { Instance } from './instances.ts';
import type { Contract } from './main.ts';

const FIELDS = ['current_schema_version', 'code_min_schema_version', 'code_max_schema_version', 'pending_migrations'] as const;

/** Empty when the instance's code works with the database, else a sentence. */
export async function schemaProblem(contract: Contract, { port, internalPort }: Instance): Promise<string> {
  const { schema_status_endpoint: path, internal_port } = contract;
  if (!path) return '';
  const at = internal_port && !faulty('schema-asked-in-public') ? internalPort : port;
  const answer = await exchange({ port: at, path });
  const said = answer.status === 200 ? jsonOf(answer) : {};
  const [current = 0, min = 0, max = 0] = FIELDS.map((field) => Number(said[field]));
  if (!FIELDS.every((field) => Number.isSafeInteger(said[field])) || typeof said['compatible'] !== 'boolean' || min > max)
    return faulty('unreadable-schema-passes') ? '' : 'The schema cannot be told.';
  const fits = faulty('schema-verdict-only') || (min <= current && current <= max);
  return said['compatible'] && fits ? '' : `The schema is at ${current}, and the code works with ${min} to ${max}.`;
}

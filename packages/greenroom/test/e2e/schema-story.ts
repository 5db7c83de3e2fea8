/** What the stories of schemas and releases have in common: who writes meanwhile, and which orders are refused. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import type { Rig } from './rig.ts';

const PAUSE_MS = 25;

export interface Writer {
  /** How often it was written, and what went wrong else. */
  stop(): Promise<{ written: number; failures: string[] }>;
}

/** Somebody who writes again and again on a kept connection, and never tries twice. `write` gets the count, and answers what is wrong, or nothing. */
export function startWriter(write: (count: number, agent: Agent) => Promise<string>): Writer {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const failures: string[] = [];
  let written = 0;
  let stopped = false;
  const work = (async () => {
    while (!stopped) {
      const problem = await write(written + failures.length, agent).catch((error: Error) => error.message);
      if (problem === '') written += 1;
      else failures.push(problem);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await work;
      agent.destroy();
      return { written, failures };
    },
  };
}

/** A deploy, or a rollback when no commit is named, that is refused because of the schema. */
export async function refusedBySchema(rig: Rig, commit: string, error: RegExp, remedy: RegExp): Promise<void> {
  const answer = commit === '' ? await rig.client.rollback({}) : await rig.client.deploy({ commit });
  assert.ok(!answer.success && 'code' in answer, JSON.stringify(answer));
  assert.equal(answer.code, 'schema_incompatible', JSON.stringify(answer, null, 2));
  assert.match(answer.error, error);
  assert.match(String(answer.evidence?.remedy), remedy);
}

export async function rolledBackTo(rig: Rig, commit: string): Promise<boolean> {
  const answer = await rig.client.rollback({});
  assert.ok(answer.success, JSON.stringify(answer));
  return (await rig.status()).live_commit === commit;
}

/** What the gate said of the last attempt. */
export async function gateDetail({ client }: Rig): Promise<string> {
  const [last] = await client.deploys({ limit: 1 });
  const attempt = await client.attempt(last?.id ?? '');
  return attempt?.steps.find(({ step }) => step === 'gate')?.detail ?? '';
}

/** Findings of `greenroom doctor --app` that are not good. */
export async function doctorsFindings(rig: Rig, ...more: string[]): Promise<unknown[]> {
  const { output } = await rig.cli(['doctor', '--boot', '--json', ...more]);
  const { findings } = JSON.parse(output) as { findings: { level: string }[] };
  assert.ok(findings.length > 0, output);
  return findings.filter(({ level }) => level !== 'ok');
}
